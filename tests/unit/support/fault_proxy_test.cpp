// SPDX-License-Identifier: Apache-2.0
//
// Goal: the proxy makes the faults it is told to make, and otherwise is not noticed.
// Method: the stand-in plays the real DynamoDB behind it, first checking signatures, then, where bodies are rewritten,
// not.
#include "support/fault_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "support/digest.hpp"
#include "support/dynamodb_standin.hpp"
#include "support/raw_client.hpp"

namespace dynamirror::support {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

DynamoDbStandin::Options unsigned_requests() {
  DynamoDbStandin::Options options;
  options.check.verify_signature = false;
  return options;
}

class FaultProxyTest : public ::testing::Test {
 protected:
  FaultProxyTest() {
    standin.add_table({.name = "Orders", .key = {{"id", "S"}, std::nullopt}});
    proxy = std::make_unique<FaultProxy>(FaultProxy::Options{.target_port = standin.port()});
    client = std::make_unique<RawClient>(RawClient::Options{.port = proxy->port()});
  }

  RawClient::Answer put(const std::string& id) {
    return client->call("DynamoDB_20120810.PutItem", R"({"TableName":"Orders","Item":{"id":{"S":")" + id + R"("}}})");
  }

  static std::string batch_of(int count) {
    std::string requests;
    for (int i = 0; i < count; ++i) {
      requests += (i == 0 ? "" : ",") + (R"({"PutRequest":{"Item":{"id":{"S":")" + std::to_string(i)) + R"("}}}})";
    }
    return R"({"RequestItems":{"Orders":[)" + requests + "]}}";
  }

  DynamoDbStandin standin{unsigned_requests()};
  std::unique_ptr<FaultProxy> proxy;
  std::unique_ptr<RawClient> client;
};

TEST_F(FaultProxyTest, PassesRequestsAndAnswersOnUnchanged) {
  DynamoDbStandin strict;
  strict.add_table({.name = "Orders", .key = {{"id", "S"}, std::nullopt}});
  FaultProxy transparent(FaultProxy::Options{.target_port = strict.port()});
  RawClient signing({.port = transparent.port()});
  const auto answer = signing.call("DynamoDB_20120810.DescribeTable", R"({"TableName":"Orders"})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(find_header(answer.headers, "x-amz-crc32"), std::to_string(crc32(answer.body)));
  EXPECT_THAT(strict.complaints(), IsEmpty());
}

TEST_F(FaultProxyTest, TellsAppliedFromUnapplied) {
  proxy->fail_next({.kind = FaultKind::kCloseBefore});
  EXPECT_EQ(put("a").status, 0);
  EXPECT_THAT(standin.snapshot("Orders"), IsEmpty());
  proxy->fail_next({.kind = FaultKind::kCloseAfter});
  EXPECT_EQ(put("b").status, 0);
  proxy->fail_next({.kind = FaultKind::kHalfAnswer});
  EXPECT_FALSE(put("c").complete);
  proxy->fail_next({.kind = FaultKind::kInternalError});
  EXPECT_EQ(put("d").status, 500);
  EXPECT_EQ(standin.snapshot("Orders").size(), 2u);
}

TEST_F(FaultProxyTest, SendsAWrongChecksum) {
  proxy->fail_next({.kind = FaultKind::kWrongCrc});
  const auto answer = put("a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(find_header(answer.headers, "x-amz-crc32"), std::to_string(crc32(answer.body)));
}

TEST_F(FaultProxyTest, HoldsBackPartOfABatchAndNamesItUnprocessed) {
  proxy->fail_next({.kind = FaultKind::kUnprocessedSome});
  const auto answer = client->call("DynamoDB_20120810.BatchWriteItem", batch_of(20));
  const auto body = parse_object(answer.body);
  ASSERT_TRUE(body) << answer.body;
  const std::size_t held_back = body->at("UnprocessedItems").at("Orders").as_array().size();
  EXPECT_GT(held_back, 0u);
  EXPECT_LT(held_back, 20u);
  EXPECT_EQ(standin.snapshot("Orders").size(), 20 - held_back);
  EXPECT_EQ(find_header(answer.headers, "x-amz-crc32"), std::to_string(crc32(answer.body)));
}

TEST_F(FaultProxyTest, HoldsBackAWholeBatchWithoutForwardingIt) {
  proxy->fail_next({.kind = FaultKind::kUnprocessedAll});
  const auto answer = client->call("DynamoDB_20120810.BatchWriteItem", batch_of(3));
  EXPECT_EQ(parse_object(answer.body)->at("UnprocessedItems").at("Orders").as_array().size(), 3u);
  EXPECT_EQ(standin.statistics().requests.count("BatchWriteItem"), 0u);
}

TEST_F(FaultProxyTest, AnswersAnEmptyPageThatDoesNotMoveTheIterator) {
  proxy->fail_next({.kind = FaultKind::kEmptyPage});
  const auto answer = client->call("DynamoDBStreams_20120810.GetRecords", R"({"ShardIterator":"where I am"})");
  EXPECT_EQ(answer.body, R"({"Records":[],"NextShardIterator":"where I am"})");
}

TEST_F(FaultProxyTest, CountsFaultsOfItsPolicy) {
  proxy->set_policy({.seed = 3, .rate = 0.5, .kinds = {FaultKind::kThrottling}});
  for (int i = 0; i < 100; ++i) (void)put("a");
  const auto statistics = proxy->statistics();
  EXPECT_GT(statistics.faults.at(FaultKind::kThrottling), 30u);
  EXPECT_EQ(statistics.requests.at("PutItem"), 100u);
  EXPECT_EQ(standin.statistics().requests.at("PutItem"), 100 - statistics.faults.at(FaultKind::kThrottling));
}

TEST_F(FaultProxyTest, SurvivesKeptConnectionsThatTheServerClosed) {
  EXPECT_EQ(put("a").status, 200);
  standin.drop_connections();
  EXPECT_EQ(put("b").status, 200);
}

TEST_F(FaultProxyTest, SaysBadGatewayWhenNobodyIsBehindIt) {
  standin.go_away();
  EXPECT_EQ(put("a").status, 502);
  EXPECT_EQ(proxy->statistics().unreachable, 1u);
}

}  // namespace
}  // namespace dynamirror::support
