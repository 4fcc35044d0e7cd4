// SPDX-License-Identifier: Apache-2.0
//
// Goal: a condition holds for the item it was made of and for no other that a live change could leave, within the
// service's limits.
// Method: conditions are evaluated by the stand-in, which refuses what is beyond the limits.
#include "aws/dynamodb/item_condition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "support/condition.hpp"

namespace dynamirror::aws {
namespace {

const model::KeySchema kKey{{"id", "S"}, {}};

support::ItemPointer stored(std::string_view item) {
  if (item.empty()) return nullptr;
  auto read = support::read_attributes(*support::parse_object(item));
  EXPECT_TRUE(read) << item;
  return std::make_shared<const support::StoredItem>(std::move(*read));
}

bool holds(const ItemCondition& condition, std::string_view item) {
  boost::json::object body{{"ConditionExpression", condition.expression},
                           {"ExpressionAttributeNames", boost::json::parse(condition.names_json)}};
  if (!condition.values_json.empty()) body["ExpressionAttributeValues"] = boost::json::parse(condition.values_json);
  const auto read = support::Condition::read(body);
  EXPECT_TRUE(read) << condition.expression << ": " << (read ? "" : read.error().message);
  return read && read->holds(stored(item));
}

TEST(StillAbsent, HoldsOnlyWithoutAnItem) {
  EXPECT_TRUE(holds(still_absent(kKey), ""));
  EXPECT_FALSE(holds(still_absent(kKey), R"({"id":{"S":"a"}})"));
}

TEST(StillAs, HoldsForTheItemInAnySpellingAndForNoOther) {
  const std::string replica =
      R"({"id":{"S":"a"},"#odd \"name\"":{"N":"1"},"set":{"SS":["x","y"]},"map":{"M":{"l":{"L":[{"BOOL":true}]}}}})";
  const std::string primary = R"({"id":{"S":"a"},"set":{"SS":["x"]},"new":{"S":""}})";
  const auto condition = still_as(replica, primary);
  ASSERT_TRUE(condition);
  EXPECT_TRUE(holds(*condition, replica));
  EXPECT_TRUE(holds(*condition,
                    R"({"map":{"M":{"l":{"L":[{"BOOL":true}]}}},"set":{"SS":["y","x"]},"#odd \"name\"":{"N":"1.0"},)"
                    R"("id":{"S":"a"}})"));
  EXPECT_FALSE(holds(*condition, ""));
  EXPECT_FALSE(holds(*condition, primary));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"({"N":"1"})", R"({"N":"2"})"},
           {R"({"N":"1"})", R"({"S":"1"})"},
           {R"(["x","y"])", R"(["x"])"},
           {R"({"BOOL":true})", R"({"BOOL":false})"},
           {R"("id":{"S":"a"})", R"("id":{"S":"a"},"new":{"S":"from a live change"})"}}) {
    std::string changed = replica;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_FALSE(holds(*condition, changed)) << changed;
  }
}

TEST(StillAs, HoldsForAnItemThatIsToBeDeleted) {
  const auto condition = still_as(R"({"id":{"S":"a"},"v":{"N":"1"}})", "");
  ASSERT_TRUE(condition);
  EXPECT_TRUE(holds(*condition, R"({"v":{"N":"1"},"id":{"S":"a"}})"));
  EXPECT_FALSE(holds(*condition, R"({"v":{"N":"2"},"id":{"S":"a"}})"));
}

TEST(StillAs, NamesFirstWhatDiffersOfAnItemThatIsTooLarge) {
  std::string replica = R"({"id":{"S":"a"})";
  for (int i = 0; i < 1'000; ++i) replica += ",\"attribute " + std::to_string(i) + R"(":{"N":"1"})";
  replica += '}';
  std::string primary = replica;
  const std::string last = R"("attribute 999":{"N":"1"})";
  primary.replace(primary.find(last), last.size(), R"("attribute 999":{"N":"2"})");
  const auto condition = still_as(replica, primary);
  ASSERT_TRUE(condition);
  EXPECT_TRUE(holds(*condition, replica));
  EXPECT_FALSE(holds(*condition, primary));
}

TEST(StillAs, KeepsWithinTheLengthOfAnExpression) {
  std::string primary = R"({"id":{"S":"a"})";
  for (int i = 0; i < 200; ++i) primary += ",\"attribute " + std::to_string(i) + R"(":{"N":"1"})";
  const auto condition = still_as(R"({"id":{"S":"a"}})", primary + "}");
  ASSERT_TRUE(condition);
  EXPECT_LE(condition->expression.size(), 4096u);
  EXPECT_TRUE(holds(*condition, R"({"id":{"S":"a"}})"));
  EXPECT_FALSE(holds(*condition, R"({"id":{"S":"a"},"attribute 0":{"N":"1"}})"));
}

TEST(StillAs, RefusesWhatIsNoItem) { EXPECT_FALSE(still_as("[]", "")); }

}  // namespace
}  // namespace dynamirror::aws
