// SPDX-License-Identifier: Apache-2.0
//
// Goal: over the wire the stand-in behaves as DynamoDB is documented to, and misbehaves exactly as told.
// Method: a client of its own, which shares no code with the program's.
#include "support/dynamodb_standin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <thread>

#include "support/digest.hpp"
#include "support/raw_client.hpp"

namespace dynamirror::support {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string item(const std::string& id, const std::string& value) {
  return R"({"id":{"S":")" + id + R"("},"v":{"S":")" + value + R"("}})";
}
std::string key(const std::string& id) { return R"({"id":{"S":")" + id + R"("}})"; }
std::string put_request(const std::string& id) { return R"({"PutRequest":{"Item":)" + item(id, "x") + "}}"; }
std::string batch(const std::vector<std::string>& requests) {
  std::string text;
  for (const std::string& request : requests) text += (text.empty() ? "" : ",") + request;
  return R"({"RequestItems":{"Orders":[)" + text + "]}}";
}

class StandinTest : public ::testing::Test {
 protected:
  StandinTest() {
    standin.add_table({.name = "Orders", .key = {{"id", "S"}, std::nullopt}});
    client = std::make_unique<RawClient>(RawClient::Options{.port = standin.port()});
  }

  RawClient::Answer call(const std::string& operation, const std::string& body) {
    const bool streams =
        operation.find("Stream") != std::string::npos || operation == "GetRecords" || operation == "GetShardIterator";
    return client->call((streams ? "DynamoDBStreams_20120810." : "DynamoDB_20120810.") + operation, body);
  }
  json::object ok(const std::string& operation, const std::string& body) {
    const auto answer = call(operation, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto object = parse_object(answer.body);
    return object ? *object : json::object{};
  }
  std::string error(const std::string& operation, const std::string& body) {
    const auto answer = call(operation, body);
    return answer.status == 200 ? "no error" : answer.body;
  }
  json::object describe_stream(const std::string& more = "") {
    return ok("DescribeStream", R"({"StreamArn":")" + standin.stream_arn("Orders") + "\"" + more + "}")
        .at("StreamDescription")
        .as_object();
  }
  std::string iterator(const std::string& shard, const std::string& type, const std::string& sequence = "") {
    const std::string number = sequence.empty() ? "" : R"(,"SequenceNumber":")" + sequence + "\"";
    return ok("GetShardIterator", R"({"StreamArn":")" + standin.stream_arn("Orders") + R"(","ShardId":")" + shard +
                                      R"(","ShardIteratorType":")" + type + "\"" + number + "}")
        .at("ShardIterator")
        .as_string()
        .c_str();
  }
  json::object get_records(const std::string& token) {
    return ok("GetRecords", R"({"ShardIterator":")" + token + "\"}");
  }

  DynamoDbStandin standin;
  std::unique_ptr<RawClient> client;
};

TEST_F(StandinTest, AnswersWithRequestIdAndRightCrc) {
  const auto answer = call("DescribeTable", R"({"TableName":"Orders"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(find_header(answer.headers, "x-amz-crc32"), std::to_string(crc32(answer.body)));
  EXPECT_EQ(find_header(answer.headers, "x-amzn-requestid")->size(), 52u);
  EXPECT_THAT(answer.body, HasSubstr(standin.stream_arn("Orders")));
}

TEST_F(StandinTest, ComplainsOfWhatNoCorrectClientSends) {
  EXPECT_THAT(error("PutItem", R"({"TableName":"Orders","Itemm":{}})"), HasSubstr("SerializationException"));
  EXPECT_THAT(error("BatchWriteItem", batch({put_request("a"), put_request("a")})),
              HasSubstr("Provided list of item keys contains duplicates"));
  EXPECT_THAT(error("BatchWriteItem", batch(std::vector<std::string>(26, put_request("a")))),
              HasSubstr("Too many items requested"));
  const auto unsigned_answer = client->call("DynamoDB_20120810.DescribeTable", R"({"TableName":"Orders"})", {},
                                            [](WireRequest& request) { request.body += " "; });
  EXPECT_THAT(unsigned_answer.body, HasSubstr("InvalidSignatureException"));
  EXPECT_THAT(standin.complaints(), SizeIs(4));
}

TEST_F(StandinTest, DoesNotComplainOfDataThatIsMerelyRefused) {
  EXPECT_THAT(error("PutItem", R"({"TableName":"Orders","Item":{"id":{"N":"1"}}})"), HasSubstr("Type mismatch"));
  EXPECT_THAT(error("PutItem", R"({"TableName":"Orders","Item":)" + item("a", std::string(410'000, 'x')) + "}"),
              HasSubstr("Item size has exceeded the maximum allowed size"));
  EXPECT_THAT(error("PutItem", R"({"TableName":"Nowhere","Item":{}})"), HasSubstr("ResourceNotFoundException"));
  EXPECT_THAT(standin.complaints(), IsEmpty());
  EXPECT_THAT(standin.snapshot("Orders"), IsEmpty());
}

TEST_F(StandinTest, RefusesMalformedHttp) {
  EXPECT_THAT(client->send_bytes("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
              HasSubstr("501"));
  EXPECT_THAT(client->send_bytes("POST / HTTP/1.1\r\nhost: x\r\nHost: y\r\ncontent-length: 0\r\n\r\n"),
              HasSubstr("repeated header host"));
  EXPECT_THAT(client->send_bytes("POST / HTTP/1.1\r\nhost: x\r\n\r\n"), HasSubstr("411"));
}

TEST_F(StandinTest, RefusesAWholeBatchForOneBadItem) {
  const std::string bad = R"({"PutRequest":{"Item":{"id":{"S":""}}}})";
  EXPECT_THAT(error("BatchWriteItem", batch({put_request("a"), bad})), HasSubstr("empty string value"));
  EXPECT_THAT(standin.snapshot("Orders"), IsEmpty());
}

TEST_F(StandinTest, KeepsEveryWriteInOrder) {
  ok("BatchWriteItem", batch({put_request("a"), put_request("b")}));
  ok("DeleteItem", R"({"TableName":"Orders","Key":)" + key("a") + "}");
  ok("PutItem", R"({"TableName":"Orders","Item":)" + item("a", "again") + "}");
  const auto writes = standin.writes_of("Orders", R"({ "id" : {"S":"a"} })");
  ASSERT_THAT(writes, SizeIs(3));
  EXPECT_EQ(writes[1].item, nullptr);
  EXPECT_EQ(writes[2].item->text, item("a", "again"));
  EXPECT_THAT(standin.snapshot("Orders"), SizeIs(2));
}

TEST_F(StandinTest, HonoursConditions) {
  const std::string absent =
      R"json(,"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":{"#k":"id"})json";
  const std::string put = R"({"TableName":"Orders","Item":)" + item("a", "x") + absent + "}";
  ok("PutItem", put);
  EXPECT_THAT(error("PutItem", put), HasSubstr("ConditionalCheckFailedException"));
  EXPECT_THAT(
      error("DeleteItem", R"({"TableName":"Orders","Key":)" + key("a") +
                              R"json(,"ConditionExpression":"attribute_exists(id) AND attribute_not_exists(v)"})json"),
      HasSubstr("ConditionalCheckFailedException"));
  ok("DeleteItem", R"({"TableName":"Orders","Key":)" + key("a") +
                       R"json(,"ConditionExpression":"attribute_exists(id) AND attribute_exists(v)"})json");
}

TEST_F(StandinTest, ReportsConsumedCapacity) {
  const auto answer = ok("PutItem", R"({"TableName":"Orders","ReturnConsumedCapacity":"TOTAL","Item":)" +
                                        item("a", std::string(1500, 'x')) + "}");
  EXPECT_EQ(answer.at("ConsumedCapacity").at("CapacityUnits").as_double(), 2.0);
  EXPECT_EQ(standin.statistics().write_units, 2.0);
}

TEST_F(StandinTest, ScansInPagesAndSegments) {
  for (int i = 0; i < 10; ++i) standin.put("Orders", item("k" + std::to_string(i), "x"));
  const auto first = ok("Scan", R"({"TableName":"Orders","Limit":6})");
  EXPECT_EQ(first.at("Count").as_int64(), 6);
  const auto start = json::serialize(first.at("LastEvaluatedKey"));
  const auto second = ok("Scan", R"({"TableName":"Orders","Limit":6,"ExclusiveStartKey":)" + std::string(start) + "}");
  EXPECT_EQ(second.at("Count").as_int64(), 4);
  EXPECT_FALSE(second.contains("LastEvaluatedKey"));
  std::int64_t count = 0;
  for (const char* segment : {"0", "1", "2"}) {
    count += ok("Scan", std::string(R"({"TableName":"Orders","TotalSegments":3,"Segment":)") + segment + "}")
                 .at("Count")
                 .as_int64();
  }
  EXPECT_EQ(count, 10);
}

TEST_F(StandinTest, CreatesATableThatBecomesActiveLater) {
  ok("CreateTable", R"({"TableName":"Copy","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
      "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"})");
  const std::string put = R"({"TableName":"Copy","Item":{"id":{"S":"a"}}})";
  EXPECT_THAT(error("PutItem", put), HasSubstr("ResourceNotFoundException"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ok("DescribeTable", R"({"TableName":"Copy"})").at("Table").at("TableStatus"), "CREATING");
  }
  EXPECT_EQ(ok("DescribeTable", R"({"TableName":"Copy"})").at("Table").at("TableStatus"), "ACTIVE");
  ok("PutItem", put);
}

TEST_F(StandinTest, ShowsChangesInTheStreamAndNothingForWritesThatChangeNothing) {
  standin.put("Orders", item("a", "1"));
  standin.put("Orders", item("a", "1"));
  standin.put("Orders", item("a", "2"));
  standin.remove("Orders", key("a"), true);
  standin.remove("Orders", key("a"));
  const auto records = get_records(iterator(standin.open_shards("Orders")[0], "TRIM_HORIZON")).at("Records").as_array();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].at("eventName"), "INSERT");
  EXPECT_EQ(records[1].at("eventName"), "MODIFY");
  EXPECT_EQ(records[1].at("dynamodb").at("NewImage").at("v").at("S"), "2");
  EXPECT_EQ(records[1].at("dynamodb").at("OldImage").at("v").at("S"), "1");
  EXPECT_EQ(records[2].at("eventName"), "REMOVE");
  EXPECT_EQ(records[2].at("userIdentity").at("Type"), "Service");
}

TEST_F(StandinTest, ListsShardsInPagesOfAtMostAHundred) {
  standin.add_table({.name = "Wide", .key = {{"id", "S"}, std::nullopt}, .shards = 250});
  const std::string arn = standin.stream_arn("Wide");
  std::string start;
  std::vector<std::size_t> sizes;
  do {
    const auto page =
        ok("DescribeStream", R"({"StreamArn":")" + arn + "\"" + start + "}").at("StreamDescription").as_object();
    sizes.push_back(page.at("Shards").as_array().size());
    const auto* last = page.if_contains("LastEvaluatedShardId");
    start = last == nullptr ? "" : R"(,"ExclusiveStartShardId":")" + std::string(last->as_string().c_str()) + "\"";
  } while (!start.empty());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{100, 100, 50}));
  EXPECT_THAT(error("DescribeStream", R"({"StreamArn":")" + arn + R"(","Limit":101})"),
              HasSubstr("ValidationException"));
}

TEST_F(StandinTest, ListsTheChildrenOfOneShardWhenAsked) {
  const std::string parent = standin.open_shards("Orders")[0];
  const auto children = standin.split_shard("Orders", parent);
  (void)standin.split_shard("Orders", children[0]);
  const auto listed = describe_stream(R"(,"ShardFilter":{"Type":"CHILD_SHARDS","ShardId":")" + parent + "\"}");
  EXPECT_EQ(listed.at("Shards").as_array().size(), 2u);
  EXPECT_EQ(describe_stream().at("Shards").as_array().size(), 5u);
}

TEST_F(StandinTest, HidesNewShardsAndClosingsForAsManyListingsAsTold) {
  standin.configure([](Service::Options& options) {
    options.listing.new_shards_after = 1;
    options.listing.closing_after = 2;
  });
  (void)standin.split_shard("Orders", standin.open_shards("Orders")[0]);
  const auto first = describe_stream().at("Shards").as_array();
  EXPECT_EQ(first.size(), 1u);
  EXPECT_FALSE(first[0].at("SequenceNumberRange").as_object().contains("EndingSequenceNumber"));
  const auto second = describe_stream().at("Shards").as_array();
  EXPECT_EQ(second.size(), 3u);
  EXPECT_FALSE(second[0].at("SequenceNumberRange").as_object().contains("EndingSequenceNumber"));
  EXPECT_TRUE(describe_stream()
                  .at("Shards")
                  .as_array()[0]
                  .at("SequenceNumberRange")
                  .as_object()
                  .contains("EndingSequenceNumber"));
}

TEST_F(StandinTest, EndsAClosedShardOnceItIsDrained) {
  standin.add_table({.name = "Wide", .key = {{"id", "S"}, std::nullopt}, .shards = 1});
  for (int i = 0; i < 5; ++i) standin.put("Orders", item("k" + std::to_string(i), "x"));
  const std::string shard = standin.open_shards("Orders")[0];
  (void)standin.roll_shard("Orders", shard);
  standin.configure([](Service::Options& options) { options.records_per_page = 2; });
  std::string token = iterator(shard, "TRIM_HORIZON");
  std::size_t count = 0;
  for (int pages = 0; !token.empty(); ++pages) {
    ASSERT_LT(pages, 5);
    const auto page = get_records(token);
    count += page.at("Records").as_array().size();
    token = page.contains("NextShardIterator") ? page.at("NextShardIterator").as_string().c_str() : "";
  }
  EXPECT_EQ(count, 5u);
}

TEST_F(StandinTest, LimitsAPageToAThousandRecordsAndOneMegabyte) {
  for (int i = 0; i < 1200; ++i) standin.put("Orders", item("k" + std::to_string(i), "x"));
  EXPECT_EQ(get_records(iterator(standin.open_shards("Orders")[0], "TRIM_HORIZON")).at("Records").as_array().size(),
            1000u);
  const std::string shard = standin.roll_shard("Orders", standin.open_shards("Orders")[0]);
  for (int i = 0; i < 10; ++i) standin.put("Orders", item("large" + std::to_string(i), std::string(300'000, 'x')));
  EXPECT_EQ(get_records(iterator(shard, "TRIM_HORIZON")).at("Records").as_array().size(), 3u);
}

TEST_F(StandinTest, RefusesExpiredIteratorsAndTrimmedData) {
  for (int i = 0; i < 5; ++i) standin.put("Orders", item("k" + std::to_string(i), "x"));
  const std::string shard = standin.open_shards("Orders")[0];
  const auto first = get_records(iterator(shard, "TRIM_HORIZON")).at("Records").as_array()[0];
  const std::string sequence = first.at("dynamodb").at("SequenceNumber").as_string().c_str();
  const std::string old = iterator(shard, "TRIM_HORIZON");
  standin.trim_shard("Orders", shard, 2);
  EXPECT_THAT(error("GetRecords", R"({"ShardIterator":")" + old + "\"}"), HasSubstr("TrimmedDataAccessException"));
  EXPECT_THAT(error("GetShardIterator",
                    R"({"StreamArn":")" + standin.stream_arn("Orders") + R"(","ShardId":")" + shard +
                        R"(","ShardIteratorType":"AFTER_SEQUENCE_NUMBER","SequenceNumber":")" + sequence + "\"}"),
              HasSubstr("TrimmedDataAccessException"));
  const std::string fresh = iterator(shard, "TRIM_HORIZON");
  standin.expire_iterators();
  EXPECT_THAT(error("GetRecords", R"({"ShardIterator":")" + fresh + "\"}"), HasSubstr("ExpiredIteratorException"));
}

TEST_F(StandinTest, LetsADisabledStreamBeReadAndANewOneStart) {
  standin.put("Orders", item("a", "1"));
  const std::string arn = standin.stream_arn("Orders");
  const std::string shard = standin.open_shards("Orders")[0];
  ok("UpdateTable", R"({"TableName":"Orders","StreamSpecification":{"StreamEnabled":false}})");
  EXPECT_EQ(describe_stream().at("StreamStatus"), "DISABLED");
  const auto page = get_records(iterator(shard, "TRIM_HORIZON"));
  EXPECT_EQ(page.at("Records").as_array().size(), 1u);
  ok("UpdateTable",
     R"({"TableName":"Orders","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})");
  EXPECT_NE(standin.stream_arn("Orders"), arn);
  EXPECT_EQ(describe_stream().at("StreamStatus"), "ENABLING");
  EXPECT_EQ(ok("ListStreams", R"({"TableName":"Orders"})").at("Streams").as_array().size(), 2u);
}

TEST_F(StandinTest, PlaysEachFaultOnceWhenScripted) {
  const std::string describe = R"({"TableName":"Orders"})";
  const auto play = [&](FaultKind kind, const std::string& operation, const std::string& body) {
    standin.fail_next({.kind = kind, .operation = operation});
    return call(operation, body);
  };
  EXPECT_EQ(play(FaultKind::kInternalError, "DescribeTable", describe).status, 500);
  EXPECT_THAT(play(FaultKind::kUnavailableHtml, "DescribeTable", describe).body, HasSubstr("<html>"));
  EXPECT_EQ(play(FaultKind::kCloseBefore, "DescribeTable", describe).status, 0);
  const auto half = play(FaultKind::kHalfAnswer, "DescribeTable", describe);
  EXPECT_EQ(half.status, 200);
  EXPECT_FALSE(half.complete);
  const auto wrong = play(FaultKind::kWrongCrc, "DescribeTable", describe);
  EXPECT_NE(find_header(wrong.headers, "x-amz-crc32"), std::to_string(crc32(wrong.body)));
  EXPECT_THAT(play(FaultKind::kExpiredToken, "DescribeTable", describe).body, HasSubstr("ExpiredTokenException"));
  EXPECT_EQ(call("DescribeTable", describe).status, 200);
  EXPECT_EQ(standin.statistics().faults.size(), 6u);
}

TEST_F(StandinTest, TellsAppliedFromUnappliedWhenTheConnectionCloses) {
  standin.fail_next({.kind = FaultKind::kCloseBefore, .operation = "PutItem"});
  EXPECT_EQ(call("PutItem", R"({"TableName":"Orders","Item":)" + item("a", "x") + "}").status, 0);
  EXPECT_THAT(standin.snapshot("Orders"), IsEmpty());
  standin.fail_next({.kind = FaultKind::kCloseAfter, .operation = "PutItem"});
  EXPECT_EQ(call("PutItem", R"({"TableName":"Orders","Item":)" + item("a", "x") + "}").status, 0);
  EXPECT_THAT(standin.snapshot("Orders"), SizeIs(1));
}

TEST_F(StandinTest, HandsBackUnprocessedItemsAsTheyCame) {
  standin.fail_next({.kind = FaultKind::kUnprocessedAll});
  const auto all = ok("BatchWriteItem", batch({put_request("a"), put_request("b")}));
  EXPECT_EQ(all.at("UnprocessedItems").at("Orders").as_array().size(), 2u);
  EXPECT_THAT(standin.snapshot("Orders"), IsEmpty());
  standin.throttle_key("Orders", key("b"), 1);
  const auto one = ok("BatchWriteItem", batch({put_request("a"), put_request("b")}));
  EXPECT_EQ(json::serialize(one.at("UnprocessedItems").at("Orders")), "[" + put_request("b") + "]");
  EXPECT_THAT(standin.snapshot("Orders"), SizeIs(1));
}

TEST_F(StandinTest, DrawsTheSameFaultsFromTheSameSeed) {
  const auto draw = [](std::uint64_t seed) {
    FaultPlan plan;
    plan.set_policy({.seed = seed, .rate = 0.3, .kinds = survivable_fault_kinds()});
    std::string drawn;
    for (int i = 0; i < 200; ++i) {
      const auto kind = plan.next("GetRecords");
      drawn += kind ? std::string(to_string(*kind)) + " " : ". ";
    }
    return drawn;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
  EXPECT_THAT(draw(7), ::testing::Not(HasSubstr("unprocessed"))) << "GetRecords has no unprocessed items";
  EXPECT_THAT(draw(7), HasSubstr("expired-iterator"));
}

TEST_F(StandinTest, ShowsASkewedClockInTheDateHeader) {
  standin.set_clock_offset(std::chrono::hours(1));
  const auto answer = call("DescribeTable", R"({"TableName":"Orders"})");
  EXPECT_THAT(answer.body, HasSubstr("Signature expired"));
  EXPECT_THAT(standin.complaints(), IsEmpty());
}

TEST_F(StandinTest, GoesAwayAndComesBackOnTheSamePort) {
  EXPECT_EQ(call("DescribeTable", R"({"TableName":"Orders"})").status, 200);
  standin.go_away();
  EXPECT_EQ(call("DescribeTable", R"({"TableName":"Orders"})").status, 0);
  EXPECT_ANY_THROW(call("DescribeTable", R"({"TableName":"Orders"})"));
  standin.come_back();
  EXPECT_EQ(call("DescribeTable", R"({"TableName":"Orders"})").status, 200);
}

TEST_F(StandinTest, CountsAWriteThatOverlapsAnUnansweredOneOfItsKey) {
  FaultPlan::Policy slow;
  slow.min_latency = slow.max_latency = std::chrono::milliseconds(300);
  standin.set_fault_policy(slow);
  const std::string put = R"({"TableName":"Orders","Item":)" + item("a", "x") + "}";
  std::thread other([&] { RawClient({.port = standin.port()}).call("DynamoDB_20120810.PutItem", put); });
  while (standin.writes("Orders").empty()) std::this_thread::yield();
  standin.clear_faults();
  call("PutItem", put);
  other.join();
  EXPECT_EQ(standin.statistics().overlapping_writes, 1u);
  call("PutItem", put);
  EXPECT_EQ(standin.statistics().overlapping_writes, 1u);
}

}  // namespace
}  // namespace dynamirror::support
