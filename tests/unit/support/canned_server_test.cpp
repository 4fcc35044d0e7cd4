// SPDX-License-Identifier: Apache-2.0
//
// Goal: the benchmark server's answers are what a client of the real service would accept.
// Method: read the whole canned stream with the test client, check checksums and sequence numbers, and write.
#include "support/canned_server.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "support/digest.hpp"
#include "support/item_value.hpp"
#include "support/raw_client.hpp"
#include "support/stream_log.hpp"

namespace dynamirror::support {
namespace {

class CannedServerTest : public ::testing::Test {
 protected:
  boost::json::object ok(const std::string& target, const std::string& body) {
    const auto answer = client->call(target, body);
    EXPECT_EQ(answer.status, 200) << answer.body.substr(0, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(find_header(answer.headers, "x-amz-crc32"), std::to_string(crc32(answer.body)));
    const auto object = parse_object(answer.body);
    EXPECT_TRUE(object) << answer.body.substr(0, 200);
    return object ? *object : boost::json::object{};
  }

  static std::string text_of(const boost::json::object& object, std::string_view name) {
    return object.at(name).as_string().c_str();
  }

  static CannedServer::Options options() {
    CannedServer::Options options;
    options.threads = 2;
    options.pages.pages = 3;
    options.pages.remove_share = 0.1;
    options.pages.old_images = true;
    return options;
  }

  CannedServer server{options()};
  std::optional<RawClient> client{std::in_place, RawClient::Options{.port = server.port()}};
};

TEST_F(CannedServerTest, DescribesATableAndItsStream) {
  const auto table = ok("DynamoDB_20120810.DescribeTable", R"({"TableName":"Anything"})").at("Table");
  EXPECT_EQ(table.at("TableName"), "Anything");
  const std::string arn = table.at("LatestStreamArn").as_string().c_str();
  const auto stream = ok("DynamoDBStreams_20120810.DescribeStream", R"({"StreamArn":")" + arn + "\"}");
  EXPECT_EQ(stream.at("StreamDescription").at("TableName"), "Anything");
  EXPECT_EQ(stream.at("StreamDescription").at("Shards").as_array().size(), 1u);
}

TEST_F(CannedServerTest, DeliversEveryRecordOnceInOrderThenEmptyPages) {
  std::string token = ok("DynamoDBStreams_20120810.GetShardIterator",
                         R"({"StreamArn":"a","ShardId":"s","ShardIteratorType":"TRIM_HORIZON"})")
                          .at("ShardIterator")
                          .as_string()
                          .c_str();
  std::size_t count = 0;
  std::string last;
  std::set<std::string> keys;
  for (int page = 0; page < 5; ++page) {
    const auto answer = ok("DynamoDBStreams_20120810.GetRecords", R"({"ShardIterator":")" + token + "\"}");
    for (const auto& record : answer.at("Records").as_array()) {
      const auto& change = record.at("dynamodb");
      const std::string sequence = change.at("SequenceNumber").as_string().c_str();
      ASSERT_TRUE(last.empty() || sequence_less(last, sequence));
      last = sequence;
      const auto key = key_of_key(change.at("Keys").as_object(), {{"id", "S"}, std::nullopt});
      ASSERT_TRUE(key);
      ASSERT_TRUE(keys.insert(*key).second) << *key;
      if (record.at("eventName") == "REMOVE") continue;
      const auto item = read_attributes(change.at("NewImage").as_object());
      ASSERT_TRUE(item) << item.error().message;
      ASSERT_NEAR(static_cast<double>(item->text.size()), 600, 40);
    }
    count += answer.at("Records").as_array().size();
    token = answer.at("NextShardIterator").as_string().c_str();
  }
  EXPECT_EQ(count, server.pages().record_count());
  EXPECT_EQ(server.statistics().get_records, 5u);
  EXPECT_EQ(server.pages().page_after(last), 3u);
}

TEST_F(CannedServerTest, MakesTheSamePagesFromTheSameSeed) {
  const CannedPages again(options().pages);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again.page(i).records, server.pages().page(i).records);
  CannedPagesOptions other = options().pages;
  other.seed = 2;
  EXPECT_NE(CannedPages(other).page(0).records, server.pages().page(0).records);
}

TEST_F(CannedServerTest, AcceptsEveryWrite) {
  for (int i = 0; i < 10; ++i) {
    const auto answer = ok("DynamoDB_20120810.BatchWriteItem", std::string(30'000, 'x'));
    EXPECT_TRUE(answer.at("UnprocessedItems").as_object().empty());
  }
  ok("DynamoDB_20120810.PutItem", "{}");
  EXPECT_EQ(server.statistics().writes, 11u);
}

TEST_F(CannedServerTest, DealsTheRecordsOfKinesisToItsShards) {
  for (const CannedForm form : {CannedForm::kKinesisKeys, CannedForm::kKinesisFeed}) {
    CannedServer::Options kinesis;
    kinesis.pages = {.form = form, .shards = 2, .pages = 5, .records_per_page = 20, .keys = 10};
    const CannedServer two_shards(kinesis);
    client.emplace(RawClient::Options{.port = two_shards.port()});
    const auto summary = ok("Kinesis_20131202.DescribeStreamSummary", R"({"StreamName":"orders"})");
    EXPECT_EQ(summary.at("StreamDescriptionSummary").at("StreamStatus"), "ACTIVE");
    const auto shards = ok("Kinesis_20131202.ListShards", R"({"StreamName":"orders"})").at("Shards").as_array();
    ASSERT_EQ(shards.size(), 2u);
    std::size_t count = 0;
    std::map<std::string, std::size_t> shard_of;  // the keys
    for (std::size_t shard = 0; shard < 2; ++shard) {
      const std::string id = shards[shard].at("ShardId").as_string().c_str();
      std::string token =
          text_of(ok("Kinesis_20131202.GetShardIterator",
                     R"({"StreamName":"orders","ShardId":")" + id + R"(","ShardIteratorType":"TRIM_HORIZON"})"),
                  "ShardIterator");
      for (bool behind = true; behind;) {
        const auto answer = ok("Kinesis_20131202.GetRecords", R"({"ShardIterator":")" + token + "\"}");
        for (const auto& record : answer.at("Records").as_array()) {
          const auto data = base64_decode(record.at("Data").as_string());
          const auto change = parse_object(data.value())->at("dynamodb").as_object();
          const auto key = key_of_key(change.at("Keys").as_object(), {{"id", "S"}, std::nullopt});
          ASSERT_TRUE(key);
          EXPECT_EQ(shard_of.emplace(*key, shard).first->second, shard);
          EXPECT_EQ(change.contains("NewImage"), form == CannedForm::kKinesisFeed);
          ++count;
        }
        token = text_of(answer, "NextShardIterator");
        behind = answer.at("MillisBehindLatest").as_int64() > 0;
      }
    }
    EXPECT_EQ(count, two_shards.pages().record_count());
    EXPECT_EQ(shard_of.size(), 10u);
  }
}

TEST_F(CannedServerTest, HasAnItemForEveryKeyAndCountsWhatIsReadAndWritten) {
  const std::string keys = R"({"id":{"S":"a"}},{"id":{"S":"b"}})";
  const auto answer = ok("DynamoDB_20120810.BatchGetItem",
                         R"({"RequestItems":{"T":{"Keys":[)" + keys + R"(],"ConsistentRead":true}}})");
  const auto items = answer.at("Responses").at("T").as_array();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].at("id").at("S"), "b");
  const auto item = read_attributes(items[1].as_object());
  ASSERT_TRUE(item);
  EXPECT_NEAR(static_cast<double>(item->text.size()), 600, 60);
  ok("DynamoDB_20120810.BatchWriteItem",
     R"({"RequestItems":{"T":[{"PutRequest":{"Item":{}}},{"DeleteRequest":{"Key":{}}}]}})");
  EXPECT_EQ(server.statistics().read_keys, 2u);
  EXPECT_EQ(server.statistics().written_items, 2u);
}

TEST_F(CannedServerTest, RefusesOtherOperations) {
  EXPECT_EQ(client->call("DynamoDB_20120810.Query", "{}").status, 400);
}

}  // namespace
}  // namespace dynamirror::support
