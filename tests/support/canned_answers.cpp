// SPDX-License-Identifier: Apache-2.0
#include "support/canned_answers.hpp"

#include <charconv>

#include "base/clock.hpp"
#include "support/digest.hpp"
#include "support/wire_format.hpp"

namespace dynamirror::support {
namespace {

constexpr std::string_view kShard = "shardId-00000001767225600000-0badcafe";
constexpr std::string_view kFirstSequence = "4421584400000000000000000000";
constexpr std::string_view kIteratorPrefix = "canned|1|";

/// The string member of this name in a body that our own client wrote without white space.
std::string_view member(std::string_view body, std::string_view name) {
  const std::string opening = "\"" + std::string(name) + "\":\"";
  const std::size_t begin = body.find(opening);
  if (begin == std::string_view::npos) return {};
  body.remove_prefix(begin + opening.size());
  return body.substr(0, body.find('"'));
}

std::string head_of(int status, std::string_view unchanging, std::size_t body_bytes, std::uint32_t crc) {
  std::string head = status == 200 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 400 Bad Request\r\n";
  head.append(unchanging).append("x-amz-crc32: ").append(std::to_string(crc)).append("\r\ncontent-length: ");
  return head.append(std::to_string(body_bytes)).append("\r\n\r\n");
}

CannedAnswer whole(int status, std::string_view unchanging, std::string body) {
  CannedAnswer answer;
  answer.head = head_of(status, unchanging, body.size(), crc32(body));
  answer.tail = std::move(body);
  return answer;
}

}  // namespace

CannedAnswers::CannedAnswers(const CannedPages& pages, std::string region)
    : pages_(pages),
      region_(std::move(region)),
      head_end_("content-type: application/x-amz-json-1.0\r\nx-amzn-requestid: " + std::string(52, 'C') +
                "\r\ndate: " + http_date(system_clock().wall_now()) + "\r\n") {
  const std::string batch = R"({"UnprocessedItems":{}})";
  write_ = head_of(200, head_end_, batch.size(), crc32(batch)) + batch;
  single_write_ = head_of(200, head_end_, 2, crc32("{}")) + "{}";
}

std::string CannedAnswers::stream_arn(std::string_view table) const {
  return "arn:aws:dynamodb:" + region_ + ":123456789012:table/" + std::string(table) +
         "/stream/2026-01-01T00:00:00.000";
}

CannedAnswer CannedAnswers::to_get_records(std::string_view body) const {
  std::string_view iterator = member(body, "ShardIterator");
  std::size_t index = 0;
  if (iterator.starts_with(kIteratorPrefix)) iterator.remove_prefix(kIteratorPrefix.size());
  std::from_chars(iterator.data(), iterator.data() + iterator.size(), index);
  const CannedPages::Page page = pages_.page(index);
  CannedAnswer answer;
  answer.middle = page.records;
  const std::size_t next = index < pages_.size() ? index + 1 : index;
  answer.tail = R"(,"NextShardIterator":")" + std::string(kIteratorPrefix) + std::to_string(next) + R"("})";
  answer.head = head_of(200, head_end_, page.records.size() + answer.tail.size(), crc32(answer.tail, page.crc));
  return answer;
}

std::string CannedAnswers::describe_table(std::string_view table) const {
  const std::string name(table);
  return R"({"Table":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":")" + name +
         R"(","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1767225600,)" +
         R"("ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},)" +
         R"("TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:)" + region_ + ":123456789012:table/" + name +
         R"(","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},"StreamSpecification":{"StreamEnabled":true,)" +
         R"("StreamViewType":"NEW_AND_OLD_IMAGES"},"LatestStreamLabel":"2026-01-01T00:00:00.000","LatestStreamArn":")" +
         stream_arn(table) + R"("}})";
}

std::string CannedAnswers::describe_stream(std::string_view arn) const {
  const std::size_t table = arn.find("table/") + 6;
  const std::string name(arn.substr(table, arn.find('/', table) - table));
  return R"({"StreamDescription":{"StreamArn":")" + std::string(arn) +
         R"(","StreamLabel":"2026-01-01T00:00:00.000","StreamStatus":"ENABLED","StreamViewType":"NEW_AND_OLD_IMAGES",)" +
         R"("CreationRequestDateTime":1767225600,"TableName":")" + name +
         R"(","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"Shards":[{"ShardId":")" + std::string(kShard) +
         R"(","SequenceNumberRange":{"StartingSequenceNumber":")" + std::string(kFirstSequence) + R"("}}]}})";
}

CannedAnswer CannedAnswers::to_other(std::string_view operation, std::string_view body) const {
  if (operation == "describetable") return whole(200, head_end_, describe_table(member(body, "TableName")));
  if (operation == "describestream") return whole(200, head_end_, describe_stream(member(body, "StreamArn")));
  if (operation == "getsharditerator") {
    const std::string_view type = member(body, "ShardIteratorType");
    const std::size_t index = type == "LATEST"         ? pages_.size()
                              : type == "TRIM_HORIZON" ? 0
                                                       : pages_.page_after(member(body, "SequenceNumber"));
    return whole(200, head_end_,
                 R"({"ShardIterator":")" + std::string(kIteratorPrefix) + std::to_string(index) + R"("})");
  }
  return whole(400, head_end_,
               R"({"__type":"com.amazon.coral.service#UnknownOperationException","message":"not canned"})");
}

}  // namespace dynamirror::support
