// SPDX-License-Identifier: Apache-2.0
//
// Goal: BatchGetItem's answers are told apart key by key, and one that leaves a doubt whether an item exists is
// refused: somebody would delete it elsewhere. Method: bodies as the service writes them, and as it must not.
#include "aws/dynamodb/batch_get.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const TableName kTable("Orders");
const model::KeySchema kSchema{{"id", "S"}, model::KeyAttribute{"n", "N"}};
const std::vector<std::string_view> kKeys{R"({"id":{"S":"a"},"n":{"N":"1"}})", R"({"id":{"S":"b"},"n":{"N":"2"}})",
                                          R"({"id":{"S":"c"},"n":{"N":"3"}})"};

Result<BatchGetAnswer> parse(std::string body) {
  static json::Reader reader;
  return parse_batch_get_answer(body, kTable, kSchema, kKeys, reader);
}

std::string refusal(std::string body) {
  const auto answer = parse(std::move(body));
  if (answer) return "(taken)";
  EXPECT_EQ(answer.error().error_class, ErrorClass::kFatal);
  return answer.error().message;
}

TEST(BatchGet, AsksForKeysAsTheyAre) {
  EXPECT_EQ(batch_get_body(kTable, std::span(kKeys).first(2), true),
            R"({"RequestItems":{"Orders":{"Keys":[{"id":{"S":"a"},"n":{"N":"1"}},{"id":{"S":"b"},"n":{"N":"2"}}],)"
            R"("ConsistentRead":true}},"ReturnConsumedCapacity":"TOTAL"})");
}

TEST(BatchGet, GivesItemsByteForByteInTheOrderOfTheKeys) {
  const std::string b = R"({ "x":{"N":"1.50"}, "n":{"N":"2"},"id":{"S":"b"}})";
  const auto answer = parse(R"({"Responses":{"Orders":[)" + b + R"(]},"UnprocessedKeys":{"Orders":{"Keys":)" +
                            R"([{"n":{"N":"3"},"id":{"S":"c"}}],"ConsistentRead":true}},)" +
                            R"("ConsumedCapacity":[{"TableName":"Orders","CapacityUnits":1.5}]})");
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_THAT(answer->items, ElementsAre(std::nullopt, b, std::nullopt));
  EXPECT_THAT(answer->unprocessed, ElementsAre(2u));
  EXPECT_EQ(answer->consumed_units, 1.5);
}

TEST(BatchGet, TakesATableNamedByItsArn) {
  const std::string arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders";
  EXPECT_TRUE(parse(R"({"Responses":{")" + arn + R"(":[]},"UnprocessedKeys":{}})"));
}

TEST(BatchGet, RefusesWhatLeavesADoubtWhetherAnItemExists) {
  EXPECT_THAT(refusal("{}"), HasSubstr("no list of items"));
  EXPECT_THAT(refusal(R"({"Responses":{},"UnprocessedKeys":{}})"), HasSubstr("no list of items"));
  EXPECT_THAT(refusal(R"({"Responses":null})"), ::testing::Not("(taken)"));
  EXPECT_THAT(refusal(R"({"Responses":{"Other":[]}})"), HasSubstr("another table"));
  EXPECT_THAT(refusal(R"({"Responses":{"Orders":[{"id":{"S":"z"},"n":{"N":"1"}}]}})"), HasSubstr("not asked for"));
  EXPECT_THAT(refusal(R"({"Responses":{"Orders":[{"id":{"S":"a"}}]}})"), HasSubstr("n"));
  const std::string a = R"({"id":{"S":"a"},"n":{"N":"1"}})";
  EXPECT_THAT(refusal(R"({"Responses":{"Orders":[)" + a + "," + a + "]}}"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"Responses":{"Orders":[)" + a + R"(]},"UnprocessedKeys":{"Orders":{"Keys":[)" + a + "]}}}"),
              HasSubstr("twice"));
}

TEST(BatchGet, AnAnswerThatLeavesAllForLaterNeedsNoList) {
  std::string keys;
  for (const std::string_view key : kKeys) keys.append(keys.empty() ? "" : ",").append(key);
  const auto answer = parse(R"({"Responses":{},"UnprocessedKeys":{"Orders":{"Keys":[)" + keys + "]}}}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->unprocessed.size(), 3u);
}

}  // namespace
}  // namespace dynamirror::aws
