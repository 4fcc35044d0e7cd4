// SPDX-License-Identifier: Apache-2.0
//
// Goal: each call sends exactly the bytes the service expects; errors name stream and shard; throttling comes back at
// once. Method: a scripted transport below the real ApiClient.
#include "aws/kinesis/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;
using ::testing::HasSubstr;

constexpr const char* kUrl = "https://kinesis.eu-west-1.amazonaws.com/";
constexpr const char* kArn = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";

model::SequenceNumber sequence(std::string_view text) { return model::SequenceNumber::parse(text).value(); }

class KinesisClientTest : public ::testing::Test {
 protected:
  static ApiClient::Options options() {
    ApiClient::Options options{.endpoint = {.tls = true, .host = "kinesis.eu-west-1.amazonaws.com", .port = 443},
                               .region = Region("eu-west-1"),
                               .service = "kinesis",
                               .target_prefix = KinesisClient::kTargetPrefix,
                               .json_version = KinesisClient::kJsonVersion};
    options.retry.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return options;
  }

  support::ScriptedTransport::Exchange& expect(const std::string& operation, const std::string& body) {
    return transport_.expect("POST", kUrl)
        .with_header("x-amz-target", "Kinesis_20131202." + operation)
        .with_header("content-type", "application/x-amz-json-1.1")
        .with_header("authorization", HasSubstr("/eu-west-1/kinesis/aws4_request"))
        .with_body(body);
  }

  Result<std::string> iterator(const model::Checkpoint& from, bool inclusive = false) {
    const KinesisClient::IteratorAt where{.shard = shard_, .from = from, .inclusive = inclusive};
    return run_task(client_.get_shard_iterator(where));
  }

  Result<RecordsPage> get_records(KinesisClient& client) {
    const KinesisClient::GetRecords options{.iterator = "it\"1", .limit = 10, .shard = shard_};
    return run_task(client.get_records(records_, options));
  }

  const ShardId shard_{"shardId-000000000001"};
  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ApiClient api_{options(), transport_, credentials_, clock_, random_};
  KinesisClient client_{api_, {.name = "orders", .display = "kinesis:eu-west-1/orders"}};
  KinesisClient by_arn_{api_, {.name = "orders", .arn = StreamArn(kArn), .display = kArn}};
  KinesisRecordReader records_{{.key = {{"id", "S"}, {}}}};
};

TEST_F(KinesisClientTest, DescribesAStream) {
  expect("DescribeStreamSummary", R"({"StreamName":"orders"})")
      .answer(200, std::string(R"({"StreamDescriptionSummary":{"ConsumerCount":0,"EncryptionType":"NONE",)"
                               R"("OpenShardCount":1,"RetentionPeriodHours":168,"StreamARN":")") +
                       kArn +
                       R"(","StreamCreationTimestamp":1.646853580213E9,"StreamName":"orders",)"
                       R"("StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamStatus":"UPDATING"}})");
  const auto summary = run_task(client_.describe_stream_summary());
  ASSERT_TRUE(summary) << to_line(summary.error());
  EXPECT_EQ(summary->arn, StreamArn(kArn));
  EXPECT_EQ(summary->status, "UPDATING");
  EXPECT_EQ(summary->retention, std::chrono::hours(168));
  EXPECT_EQ(summary->created, WallTime(std::chrono::milliseconds(1'646'853'580'213)));

  for (const char* body :
       {"{}", "", R"({"StreamDescriptionSummary":{"StreamARN":"a","StreamStatus":"ACTIVE"}})",
        R"({"StreamDescriptionSummary":{"StreamARN":"a","StreamStatus":"ACTIVE","RetentionPeriodHours":-1}})",
        R"({"StreamDescriptionSummary":{"StreamARN":"a","RetentionPeriodHours":24}})"}) {
    expect("DescribeStreamSummary", std::string(R"({"StreamARN":")") + kArn + R"("})").answer(200, body);
    const auto bad = run_task(by_arn_.describe_stream_summary());
    ASSERT_FALSE(bad) << body;
    EXPECT_EQ(bad.error().error_class, ErrorClass::kFatal);
    EXPECT_EQ(bad.error().resource, kArn);
  }
}

TEST_F(KinesisClientTest, ListsShardsPageByPage) {
  expect("ListShards", R"({"StreamName":"orders","ExclusiveStartShardId":"shardId-000000000000"})")
      .answer(
          200,
          R"({"NextToken":"t\"1","Shards":[{"HashKeyRange":{"EndingHashKey":"9","StartingHashKey":"0"},)"
          R"("SequenceNumberRange":{"EndingSequenceNumber":"49590338271490256608559692540925702759324208523137515618",)"
          R"("StartingSequenceNumber":"49590338271490256608559692538361571095921575989136588802"},)"
          R"("ShardId":"shardId-000000000001"},{"ParentShardId":"shardId-000000000001",)"
          R"("AdjacentParentShardId":"shardId-000000000002","SequenceNumberRange":{"StartingSequenceNumber":"5"},)"
          R"("ShardId":"shardId-000000000003"}]})");
  const auto page = run_task(client_.list_shards({.after = ShardId("shardId-000000000000")}));
  ASSERT_TRUE(page) << to_line(page.error());
  EXPECT_EQ(page->next_token, "t\"1");
  ASSERT_EQ(page->shards.size(), 2u);
  EXPECT_EQ(page->shards[0].id, shard_);
  EXPECT_FALSE(page->shards[0].open());
  EXPECT_EQ(page->shards[0].hash_keys, (model::HashKeyRange{"0", "9"}));
  EXPECT_FALSE(page->shards[1].hash_keys);
  EXPECT_EQ(page->shards[0].last_sequence, sequence("49590338271490256608559692540925702759324208523137515618"));
  EXPECT_EQ(page->shards[1].parents, (std::vector{ShardId("shardId-000000000001"), ShardId("shardId-000000000002")}));
  EXPECT_TRUE(page->shards[1].open());

  // The token names the stream, and the service refuses both.
  expect("ListShards", R"({"NextToken":"t\"1"})").answer(200, R"({"Shards":[],"NextToken":null})");
  const auto last = run_task(client_.list_shards({.next_token = "t\"1", .after = ShardId("x")}));
  ASSERT_TRUE(last) << to_line(last.error());
  EXPECT_FALSE(last->next_token);

  expect("ListShards", std::string(R"({"StreamARN":")") + kArn + R"("})").answer(200, R"({"Shards":[]})");
  EXPECT_TRUE(run_task(by_arn_.list_shards({})));
}

TEST_F(KinesisClientTest, RefusesListsItDoesNotUnderstand) {
  for (const char* body : {"{}", "", R"({"Shards":[{"ParentShardId":"p"}]})",
                           R"({"Shards":[{"ShardId":"s","SequenceNumberRange":{"StartingSequenceNumber":"1:2"}}]})"}) {
    transport_.expect("POST", kUrl).answer(200, body);
    const auto page = run_task(client_.list_shards({}));
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
  }
}

TEST_F(KinesisClientTest, AsksForIteratorsOfEveryKind) {
  const std::string head = R"({"StreamName":"orders","ShardId":"shardId-000000000001","ShardIteratorType":)";
  const auto one = [&](const std::string& rest) {
    expect("GetShardIterator", head + rest).answer(200, R"({"ShardIterator":"a|1"})");
  };
  one(R"("TRIM_HORIZON"})");
  EXPECT_EQ(iterator(model::TrimHorizon{}), "a|1");
  one(R"("LATEST"})");
  EXPECT_EQ(iterator(model::Latest{}), "a|1");
  model::SequenceNumber within = sequence("00123");
  within.set_sub(7);
  one(R"("AFTER_SEQUENCE_NUMBER","StartingSequenceNumber":"00123"})");
  EXPECT_EQ(iterator(model::AfterSequence{within}), "a|1");
  one(R"("AT_SEQUENCE_NUMBER","StartingSequenceNumber":"00123"})");
  EXPECT_EQ(iterator(model::AfterSequence{within}, true), "a|1");
  one(R"("AT_TIMESTAMP","Timestamp":1646853580.013})");
  EXPECT_EQ(iterator(model::AtTimestamp{WallTime(std::chrono::microseconds(1'646'853'580'013'999))}), "a|1");

  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_EQ(iterator(model::Latest{}).error().error_class, ErrorClass::kFatal);
}

TEST_F(KinesisClientTest, GetsRecordsAsChanges) {
  // {"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":"a"}}}}
  const std::string answer =
      R"({"MillisBehindLatest":0,"NextShardIterator":"next","Records":[{"ApproximateArrivalTimestamp":1.5E9,)"
      R"("Data":"eyJldmVudE5hbWUiOiJNT0RJRlkiLCJkeW5hbW9kYiI6eyJLZXlzIjp7ImlkIjp7IlMiOiJhIn19fX0=",)"
      R"("PartitionKey":"p","SequenceNumber":"5"}]})";
  expect("GetRecords", R"({"ShardIterator":"it\"1","Limit":10})").answer(200, answer);
  const auto page = get_records(client_);
  ASSERT_TRUE(page) << to_line(page.error());
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].key(), R"({"id":{"S":"a"}})");
  EXPECT_EQ(page->next_iterator, "next");

  expect("GetRecords", std::string(R"({"ShardIterator":"it\"1","Limit":10,"StreamARN":")") + kArn + R"("})")
      .answer(200, answer);
  EXPECT_TRUE(get_records(by_arn_));
}

TEST_F(KinesisClientTest, NamesTheShardOfAPageItDoesNotUnderstand) {
  transport_.expect("POST", kUrl).answer(200, R"({"Records":[{}]})", {{"x-amzn-requestid", "R1"}});
  const auto page = get_records(client_);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().error_class, ErrorClass::kFatal);
  EXPECT_EQ(page.error().resource, "kinesis:eu-west-1/orders shard shardId-000000000001");
  EXPECT_EQ(page.error().request_id, "R1");
}

TEST_F(KinesisClientTest, LeavesThePacingOfThrottledCallsToItsCaller) {
  for (const char* code :
       {"ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException"}) {
    transport_.expect("POST", kUrl)
        .answer(400, std::string(R"({"__type":")") + code + R"(","message":"too fast"})")
        .times(3);
    EXPECT_EQ(run_task(client_.list_shards({})).error().error_class, ErrorClass::kThrottled);
    EXPECT_EQ(iterator(model::Latest{}).error().error_class, ErrorClass::kThrottled);
    EXPECT_EQ(get_records(client_).error().error_class, ErrorClass::kThrottled);
  }
}

TEST_F(KinesisClientTest, TellsTheKeyOfAStreamFromTheStream) {
  const std::vector<std::pair<std::string, ErrorClass>> codes{
      {"KMSNotFoundException", ErrorClass::kDenied},       {"KMSDisabledException", ErrorClass::kDenied},
      {"KMSInvalidStateException", ErrorClass::kDenied},   {"KMSAccessDeniedException", ErrorClass::kDenied},
      {"KMSOptInRequired", ErrorClass::kDenied},           {"ResourceNotFoundException", ErrorClass::kNotFound},
      {"ExpiredIteratorException", ErrorClass::kConflict}, {"ExpiredNextTokenException", ErrorClass::kConflict},
      {"InvalidArgumentException", ErrorClass::kInvalid},  {"ResourceInUseException", ErrorClass::kConflict}};
  for (const auto& [code, error_class] : codes) {
    transport_.expect("POST", kUrl).answer(400, R"({"__type":")" + code + R"(","message":"no"})");
    const auto page = get_records(client_);
    EXPECT_EQ(page.error().code, code);
    EXPECT_EQ(page.error().error_class, error_class) << code;
  }
}

}  // namespace
}  // namespace dynamirror::aws
