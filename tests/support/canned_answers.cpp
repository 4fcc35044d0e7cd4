// SPDX-License-Identifier: Apache-2.0
#include "support/canned_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/clock.hpp"
#include "support/digest.hpp"
#include "support/wire_format.hpp"

namespace dynamirror::support {
namespace {

constexpr std::uint64_t kShardNumbers = 1'767'225'600'000;  // DynamoDB's shards are named by a time
constexpr std::string_view kFirstSequence = "4421584400000000000000000000";
constexpr std::string_view kFirstKinesisSequence = "49590338271490256608559692538361571095920000000000000000";
constexpr std::string_view kIteratorPrefix = "canned|";  // the next page, and the first that is the next shard's

/// The string member of this name in a body that our own client wrote without white space.
std::string_view member(std::string_view body, std::string_view name) {
  const std::string opening = "\"" + std::string(name) + "\":\"";
  const std::size_t begin = body.find(opening);
  if (begin == std::string_view::npos) return {};
  body.remove_prefix(begin + opening.size());
  return body.substr(0, body.find('"'));
}

std::size_t number_at(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string shard_name(CannedForm form, std::size_t shard) {
  if (form == CannedForm::kStream) return fmt::format("shardId-{:020}-0badcafe", kShardNumbers + shard);
  return fmt::format("shardId-{:012}", shard);
}

std::size_t shard_number(CannedForm form, std::string_view name) {
  constexpr std::string_view kBegin = "shardId-";
  if (!name.starts_with(kBegin)) return 0;
  return number_at(name.substr(kBegin.size())) - (form == CannedForm::kStream ? kShardNumbers : 0);
}

/// A member of an array, in JSON.
std::string shard_text(CannedForm form, std::size_t shard) {
  const bool kinesis = form != CannedForm::kStream;
  return fmt::format(R"({{"ShardId":"{}",{}"SequenceNumberRange":{{"StartingSequenceNumber":"{}"}}}})",
                     shard_name(form, shard),
                     kinesis ? fmt::format(R"("HashKeyRange":{{"StartingHashKey":"{}","EndingHashKey":"{}"}},)",
                                           shard * 1'000, shard * 1'000 + 999)
                             : "",
                     kinesis ? kFirstKinesisSequence : kFirstSequence);
}

std::string iterator_text(std::size_t page, std::size_t end) {
  return fmt::format("{}{}|{}", kIteratorPrefix, page, end);
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
  if (iterator.starts_with(kIteratorPrefix)) iterator.remove_prefix(kIteratorPrefix.size());
  const std::size_t index = number_at(iterator);
  const std::size_t end = number_at(iterator.substr(std::min(iterator.size(), iterator.find('|') + 1)));
  const CannedPages::Page page = pages_.page(index < end ? index : pages_.size());
  const std::size_t next = index < end ? index + 1 : index;
  CannedAnswer answer;
  answer.middle = page.records;
  answer.tail = R"(,"NextShardIterator":")" + iterator_text(next, end) + "\"";
  if (pages_.options().form != CannedForm::kStream) {
    answer.tail += R"(,"MillisBehindLatest":)" + std::string(next < end ? "60000" : "0");
  }
  answer.tail += "}";
  answer.head = head_of(200, head_end_, page.records.size() + answer.tail.size(), crc32(answer.tail, page.crc));
  return answer;
}

/// Our own client writes keys without white space, and in the order of the key schema.
CannedAnswer CannedAnswers::to_batch_get(std::string_view body, std::uint64_t& keys) const {
  constexpr std::string_view kTable = R"({"RequestItems":{")";
  constexpr std::string_view kKey = R"({"id":{"S":")";
  constexpr std::string_view kKeyEnd = R"("}})";
  const std::string_view after = body.substr(std::min(body.size(), kTable.size()));
  const std::string_view table = after.substr(0, after.find('"'));
  std::string answer = R"({"Responses":{")" + std::string(table) + R"(":[)";
  answer.reserve(256 + body.size() + body.size() / 40 * pages_.item_after_key().size());
  std::uint64_t count = 0;
  for (std::size_t begin = body.find(kKey); begin != std::string_view::npos; begin = body.find(kKey, begin + 1)) {
    const std::size_t end = body.find(kKeyEnd, begin);
    if (end == std::string_view::npos) break;
    answer.append(count == 0 ? "" : ",").append(body.substr(begin, end + kKeyEnd.size() - 1 - begin));
    answer.append(pages_.item_after_key());
    ++count;
  }
  keys += count;
  answer.append(R"(]},"UnprocessedKeys":{},"ConsumedCapacity":[{"TableName":")").append(table);
  return whole(200, head_end_, answer.append(R"(","CapacityUnits":)").append(std::to_string(count)).append("}]}"));
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
         R"(","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"Shards":[)" + list_shards() + "]}}";
}

std::string CannedAnswers::describe_stream_summary(std::string_view stream) const {
  return fmt::format(
      R"({{"StreamDescriptionSummary":{{"StreamName":"{0}","StreamARN":"arn:aws:kinesis:{1}:123456789012:stream/{0}",)"
      R"("StreamStatus":"ACTIVE","RetentionPeriodHours":24,"StreamCreationTimestamp":1767225600.0,"OpenShardCount":{2},)"
      R"("EnhancedMonitoring":[],"EncryptionType":"NONE"}}}})",
      stream, region_, pages_.options().shards);
}

/// The members of an array.
std::string CannedAnswers::list_shards() const {
  std::string shards;
  for (std::size_t shard = 0; shard < pages_.options().shards; ++shard) {
    shards.append(shard == 0 ? "" : ",").append(shard_text(pages_.options().form, shard));
  }
  return shards;
}

std::string CannedAnswers::iterator(std::string_view body) const {
  const std::string_view type = member(body, "ShardIteratorType");
  const std::size_t shard = shard_number(pages_.options().form, member(body, "ShardId"));
  const std::string_view sequence = member(
      body, type.ends_with("SEQUENCE_NUMBER") && pages_.options().form != CannedForm::kStream ? "StartingSequenceNumber"
                                                                                              : "SequenceNumber");
  const std::size_t end = pages_.first_page(std::min(shard + 1, pages_.options().shards));
  const std::size_t page = type == "LATEST"                    ? end
                           : type.ends_with("SEQUENCE_NUMBER") ? pages_.page_after(sequence)
                                                               : pages_.first_page(shard);
  return R"({"ShardIterator":")" + iterator_text(page, end) + R"("})";
}

CannedAnswer CannedAnswers::to_other(std::string_view operation, std::string_view body) const {
  if (operation == "describetable") return whole(200, head_end_, describe_table(member(body, "TableName")));
  if (operation == "describestream") return whole(200, head_end_, describe_stream(member(body, "StreamArn")));
  if (operation == "describestreamsummary") {
    return whole(200, head_end_, describe_stream_summary(member(body, "StreamName")));
  }
  if (operation == "listshards") return whole(200, head_end_, R"({"Shards":[)" + list_shards() + "]}");
  if (operation == "getsharditerator") return whole(200, head_end_, iterator(body));
  if (operation == "scan") return whole(200, head_end_, R"({"Items":[],"Count":0,"ScannedCount":0})");
  return whole(400, head_end_,
               R"({"__type":"com.amazon.coral.service#UnknownOperationException","message":"not canned"})");
}

}  // namespace dynamirror::support
