// SPDX-License-Identifier: Apache-2.0
//
// Goal: an item is written only where the replica differs, and a live write that came between is not undone, also when
// it has brought back what was read before. Method: the real clients over one script of requests and answers.
#include "sink/differing_items.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/api_client.hpp"
#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::sink {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kKey = R"({"id":{"S":"k"}})";
const std::string kA = R"({"id":{"S":"k"},"v":{"S":"A"}})";
const std::string kB = R"({"id":{"S":"k"},"v":{"S":"B"}})";
const std::string kNothing;

class DifferingItemsTest : public ::testing::Test {
 protected:
  static aws::ApiClient::Options options() {
    aws::ApiClient::Options options{.endpoint = {.tls = false, .host = "127.0.0.1", .port = 1},
                                    .region = Region("eu-west-1")};
    options.retry.max_attempts = 1;
    return options;
  }

  support::ScriptedTransport::Exchange& expect(const std::string& operation) {
    return transport_.expect("POST", "http://127.0.0.1:1/")
        .with_header("x-amz-target", "DynamoDB_20120810." + operation);
  }
  void reads(const std::string& table, const std::string& item) {
    expect("BatchGetItem")
        .with_body(AllOf(HasSubstr("\"" + table + "\""), HasSubstr(R"("ConsistentRead":true)")))
        .answer(200, R"({"Responses":{")" + table + "\":[" + item + R"(]},"UnprocessedKeys":{}})");
  }
  /// A put of `item` on the condition that the replica's is still `on`.
  void puts(const std::string& item, const std::string& on, bool held = true) {
    const std::string value = on == kA ? R"({"S":"A"})" : R"({"S":"B"})";
    auto& exchange = expect("PutItem").with_body(AllOf(HasSubstr("\"Replica\""), HasSubstr(R"("Item":)" + item),
                                                       HasSubstr(on.empty() ? "attribute_not_exists" : value),
                                                       HasSubstr("ConditionExpression")));
    if (held) {
      exchange.answer(200, "{}");
    } else {
      exchange.answer(400, R"({"__type":"com.amazonaws.dynamodb#ConditionalCheckFailedException","message":"no"})");
    }
  }

  Outcome write() {
    const auto change = model::Change::of_key(kKey, model::SequenceNumber::parse("7").value(), {});
    const model::Change* const changes[] = {&change};
    const auto outcomes = support::run_task(sink_.write(changes, kNoDeadline));
    EXPECT_TRUE(outcomes) << to_line(outcomes.error());
    return outcomes->front();
  }

  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  Random random_{1};
  aws::ApiClient api_{options(), transport_, credentials_, system_clock(), random_};
  aws::DynamoDbClient client_{api_, system_clock()};
  DifferingItems sink_{{.replica = TableName("Replica"), .primary = TableName("Primary"), .key = {{"id", "S"}, {}}},
                       {client_, client_, system_clock(), random_}};
};

TEST_F(DifferingItemsTest, AnEqualItemCostsNoWrite) {
  for (const std::string& item : {R"({"v":{"S":"A"},"id":{"S":"k"}})" + kNothing, kNothing}) {
    reads("Replica", item);
    reads("Primary", item.empty() ? item : kA);
    const Outcome outcome = write();
    ASSERT_TRUE(std::holds_alternative<Superseded>(outcome));
    EXPECT_EQ(std::get<Superseded>(outcome).rule, "already equal");
  }
  EXPECT_EQ(sink_.statistics().equal, 2u);
}

TEST_F(DifferingItemsTest, WritesWhatDiffersAndLooksAtThePrimaryAgain) {
  reads("Replica", kA);
  reads("Primary", kB);
  puts(kB, kA);
  reads("Primary", kB);
  EXPECT_TRUE(std::holds_alternative<Applied>(write()));
}

TEST_F(DifferingItemsTest, DeletesWhatThePrimaryHasNot) {
  reads("Replica", kA);
  reads("Primary", kNothing);
  expect("DeleteItem").with_body(AllOf(HasSubstr(R"("Key":)" + kKey), HasSubstr(R"({"S":"A"})"))).answer(200, "{}");
  reads("Primary", kNothing);
  EXPECT_TRUE(std::holds_alternative<Applied>(write()));
}

TEST_F(DifferingItemsTest, ALiveWriteInBetweenStands) {
  reads("Replica", kA);
  reads("Primary", kB);
  puts(kB, kA, false);  // somebody else has written B by now
  reads("Replica", kB);
  reads("Primary", kB);
  EXPECT_TRUE(std::holds_alternative<Superseded>(write()));
  EXPECT_EQ(sink_.statistics().refused, 1u);
}

TEST_F(DifferingItemsTest, AnItemThatCameBackMeanwhileIsBroughtBack) {
  reads("Replica", kA);
  reads("Primary", kB);
  puts(kB, kA);          // a live replication has gone from A to B and to A again, and we undo that …
  reads("Primary", kA);  // … but see it
  reads("Replica", kB);
  reads("Primary", kA);
  puts(kA, kB);
  reads("Primary", kA);
  EXPECT_TRUE(std::holds_alternative<Applied>(write()));
}

TEST_F(DifferingItemsTest, AnItemThatNeverRestsIsTriedAgainLater) {
  for (int round = 0; round < 8; ++round) {
    reads("Replica", kNothing);
    reads("Primary", kB);
    puts(kB, kNothing, false);
  }
  EXPECT_TRUE(std::holds_alternative<TryAgain>(write()));
}

}  // namespace
}  // namespace dynamirror::sink
