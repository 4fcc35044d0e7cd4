// SPDX-License-Identifier: Apache-2.0
//
// Goal: each call sends exactly the bytes the service expects; errors name stream and shard; throttling comes back at
// once. Method: a scripted transport below the real ApiClient.
#include "aws/streams/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;

constexpr const char* kUrl = "https://streams.dynamodb.eu-west-1.amazonaws.com/";
constexpr const char* kArn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000";

model::SequenceNumber sequence(std::string_view text) { return model::SequenceNumber::parse(text).value(); }

class StreamsClientTest : public ::testing::Test {
 protected:
  static ApiClient::Options options() {
    ApiClient::Options options{
        .endpoint = {.tls = true, .host = "streams.dynamodb.eu-west-1.amazonaws.com", .port = 443},
        .region = Region("eu-west-1"),
        .target_prefix = "DynamoDBStreams_20120810"};
    options.retry.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return options;
  }

  support::ScriptedTransport::Exchange& expect(const std::string& operation, const std::string& body) {
    return transport_.expect("POST", kUrl)
        .with_header("x-amz-target", "DynamoDBStreams_20120810." + operation)
        .with_body(body);
  }

  Result<StreamDescription> describe(DescribeStreamOptions options = {}) {
    return run_task(client_.describe_stream(stream_, std::move(options)));
  }

  Result<RecordsPage> get_records() {
    GetRecordsOptions options{.iterator = "it\"1", .limit = 10, .shard = shard_};
    return run_task(client_.get_records(stream_, key_, std::move(options)));
  }

  const StreamArn stream_{kArn};
  const ShardId shard_{"shardId-00000001"};
  const model::KeySchema key_{{"id", "S"}, {}};
  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ApiClient api_{options(), transport_, credentials_, clock_, random_};
  StreamsClient client_{api_};
};

TEST_F(StreamsClientTest, DescribesAStreamPageByPage) {
  expect("DescribeStream", std::string(R"({"StreamArn":")") + kArn + R"(","Limit":100})")
      .answer(
          200,
          std::string(R"({"StreamDescription":{"CreationRequestDateTime":1.5E9,"KeySchema":)"
                      R"([{"AttributeName":"time","KeyType":"RANGE"},{"AttributeName":"id","KeyType":"HASH"}],)"
                      R"("LastEvaluatedShardId":"s2","Shards":[{"SequenceNumberRange":)"
                      R"({"EndingSequenceNumber":"200","StartingSequenceNumber":"0100"},"ShardId":"s1"},)"
                      R"({"ParentShardId":"s1","SequenceNumberRange":{"StartingSequenceNumber":"201"},)"
                      R"("ShardId":"s2"}],"StreamArn":")") +
              kArn +
              R"(","StreamLabel":"2026","StreamStatus":"ENABLED","StreamViewType":"NEW_IMAGE","TableName":"Orders"}})");
  const auto page = describe();
  ASSERT_TRUE(page) << to_line(page.error());
  EXPECT_EQ(page->arn, stream_);
  EXPECT_EQ(page->status, "ENABLED");
  EXPECT_EQ(page->view_type, "NEW_IMAGE");
  EXPECT_EQ(page->table, TableName("Orders"));
  EXPECT_EQ(page->hash_name, "id");
  EXPECT_EQ(page->range_name, "time");
  EXPECT_EQ(page->last_evaluated, ShardId("s2"));
  ASSERT_EQ(page->shards.size(), 2u);
  EXPECT_EQ(page->shards[0], (model::Shard{ShardId("s1"), {}, sequence("100"), sequence("200")}));
  EXPECT_EQ(page->shards[0].first_sequence->text(), "0100") << "the service's own spelling";
  EXPECT_EQ(page->shards[1], (model::Shard{ShardId("s2"), {ShardId("s1")}, sequence("201"), {}}));
  EXPECT_TRUE(page->shards[1].open());

  expect("DescribeStream",
         std::string(R"({"StreamArn":")") + kArn +
             R"(","Limit":5,"ExclusiveStartShardId":"s2","ShardFilter":{"Type":"CHILD_SHARDS","ShardId":"s1"}})")
      .answer(200, R"({"StreamDescription":{"StreamStatus":"DISABLED","Shards":[],"LastEvaluatedShardId":null}})");
  const auto last = describe({.exclusive_start = ShardId("s2"), .children_of = ShardId("s1"), .limit = 5});
  ASSERT_TRUE(last) << to_line(last.error());
  EXPECT_EQ(last->status, "DISABLED");
  EXPECT_FALSE(last->last_evaluated);
}

TEST_F(StreamsClientTest, RefusesDescriptionsItDoesNotUnderstand) {
  for (const char* body : {"{}", "", R"({"StreamDescription":{"Shards":[]}})",
                           R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[{"ParentShardId":"p"}]}})",
                           R"({"StreamDescription":{"StreamStatus":"ENABLED","Shards":[{"ShardId":"s",)"
                           R"("SequenceNumberRange":{"StartingSequenceNumber":"x"}}]}})"}) {
    transport_.expect("POST", kUrl).answer(200, body);
    const auto page = describe();
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
    EXPECT_EQ(page.error().resource, "eu-west-1/Orders stream 2026-01-01T00:00:00.000");
  }
}

TEST_F(StreamsClientTest, AsksForIteratorsOfEveryKind) {
  const std::string head =
      std::string(R"({"StreamArn":")") + kArn + R"(","ShardId":"shardId-00000001","ShardIteratorType":)";
  const auto iterator = [&](const model::Checkpoint& from) {
    return run_task(client_.get_shard_iterator(stream_, shard_, from));
  };
  expect("GetShardIterator", head + R"("TRIM_HORIZON"})").answer(200, R"({"ShardIterator":"a|1"})");
  EXPECT_EQ(iterator(model::TrimHorizon{}), "a|1");
  expect("GetShardIterator", head + R"("LATEST"})").answer(200, R"({"ShardIterator":"a|2"})");
  EXPECT_EQ(iterator(model::Latest{}), "a|2");
  expect("GetShardIterator", head + R"("AFTER_SEQUENCE_NUMBER","SequenceNumber":"00123"})")
      .answer(200, R"({"ShardIterator":"a|3"})");
  EXPECT_EQ(iterator(model::AfterSequence{sequence("00123")}), "a|3");

  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_EQ(iterator(model::Latest{}).error().error_class, ErrorClass::kFatal);
}

TEST_F(StreamsClientTest, SaysOfATrimmedPositionWhichShardItWasIn) {
  transport_.expect("POST", kUrl)
      .answer(400, R"({"__type":"com.amazonaws.dynamodb.v20120810#TrimmedDataAccessException","message":"too old"})");
  const model::Checkpoint from = model::AfterSequence{sequence("1")};
  const auto iterator = run_task(client_.get_shard_iterator(stream_, shard_, from));
  ASSERT_FALSE(iterator);
  EXPECT_EQ(iterator.error().code, "TrimmedDataAccessException");
  EXPECT_EQ(iterator.error().resource, "eu-west-1/Orders stream 2026-01-01T00:00:00.000 shard shardId-00000001");
}

TEST_F(StreamsClientTest, GetsRecordsAsChanges) {
  expect("GetRecords", R"({"ShardIterator":"it\"1","Limit":10})")
      .answer(200, R"({"Records":[{"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"a"}},"SequenceNumber":"1"}}],)"
                   R"("NextShardIterator":"next"})");
  const auto page = get_records();
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].key(), R"({"id":{"S":"a"}})");
  EXPECT_EQ(page->next_iterator, "next");
}

TEST_F(StreamsClientTest, NamesTheShardOfAPageItDoesNotUnderstand) {
  transport_.expect("POST", kUrl).answer(200, R"({"Records":[{"eventName":"?"}]})", {{"x-amzn-requestid", "R1"}});
  const auto page = get_records();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
  EXPECT_EQ(page.error().resource, "eu-west-1/Orders stream 2026-01-01T00:00:00.000 shard shardId-00000001");
  EXPECT_EQ(page.error().request_id, "R1");
}

TEST_F(StreamsClientTest, LeavesThePacingOfThrottledCallsToItsCaller) {
  constexpr const char* kLimit =
      R"({"__type":"com.amazonaws.dynamodb.v20120810#LimitExceededException","message":"too many readers"})";
  transport_.expect("POST", kUrl).answer(400, kLimit).times(3);
  EXPECT_EQ(describe().error().error_class, ErrorClass::kThrottled);
  const model::Checkpoint from = model::Latest{};
  EXPECT_EQ(run_task(client_.get_shard_iterator(stream_, shard_, from)).error().error_class, ErrorClass::kThrottled);
  EXPECT_EQ(get_records().error().error_class, ErrorClass::kThrottled);
  EXPECT_EQ(transport_.requests().size(), 3u);
}

TEST(DescribeStreamArn, IsShortForRealOnesAndComplete) {
  EXPECT_EQ(describe(StreamArn(kArn)), "eu-west-1/Orders stream 2026-01-01T00:00:00.000");
  for (const char* odd : {"", "x", ":table/x/stream/y", "a:b:c:d:e:table/x", "a:b:c:d:e:index/x/stream/y",
                          ":table/x/stream/y", "a:table/x/stream/y", "arn:aws:dynamodb:eu-west-1:1:table/x"}) {
    EXPECT_EQ(describe(StreamArn(odd)), odd);
  }
}

}  // namespace
}  // namespace dynamirror::aws
