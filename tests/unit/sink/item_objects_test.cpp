// SPDX-License-Identifier: Apache-2.0
//
// Goal: objects stand under the names that mapbox's tools give them, and an item never under two.
// Method: names computed with sha256sum from what JSON.stringify writes; a bucket in memory.
#include "sink/item_objects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/object_sink.hpp"
#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::sink {
namespace {

using ::testing::ElementsAre;

const model::KeySchema kHash{.hash = {"id", "S"}, .range = std::nullopt};
const model::KeySchema kUnsorted{.hash = {"zz", "S"}, .range = model::KeyAttribute{"aa", "N"}};
constexpr const char* kSortedName = "Orders/7f3c0464b1facea89845bf5baaf26db94455b1b66753673c7cef2376768c3c42";
constexpr const char* kSchemaName = "Orders/5d41d0e3ef47b1f59696fe5d69613f66c3c474e29f59074e1d9c8a1b5957fb6f";

TEST(ItemObjects, TheNameIsTheHashOfTheKeyAsJavaScriptWritesIt) {
  ItemObjects names("Orders", kHash);
  const auto plain = names.of(R"({"id":{"S":"abc"}})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "Orders/8f6d96a2442d76bb99e39f6d179ac31b313bf5e31bcd8caa62c44690bf465115");
  EXPECT_FALSE(plain->old_name);
  const auto escaped = names.of("{\"id\":{\"S\":\"a\\u0008\\u000c\\n\\u0001\\\"\\\\é\"}}");
  ASSERT_TRUE(escaped);
  EXPECT_EQ(escaped->name, "Orders/c294ec0f2df3cd01d1f8bdf479bb5d2fa2441a0d516c856c37939cee403c298b");
}

TEST(ItemObjects, AttributesAreSortedByNameAndTheOtherOrderIsTheOldName) {
  ItemObjects names("Orders", kUnsorted);
  const auto object = names.of(R"({"zz":{"S":"x"},"aa":{"N":"1"}})");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->name, kSortedName);
  EXPECT_EQ(object->old_name, kSchemaName);
}

TEST(ItemObjects, KeysOfAnotherTableAreRefused) {
  ItemObjects names("Orders", kUnsorted);
  EXPECT_FALSE(names.of(R"({"zz":{"S":"x"}})"));
  EXPECT_FALSE(names.of(R"({"zz":{"S":"x"},"bb":{"N":"1"}})"));
  EXPECT_FALSE(names.of("no key"));
}

TEST(ItemObjects, TheKeyIsFoundFromTheNameOfAnObject) {
  const std::string item =
      R"({"list":{"L":[{"S":"x"}]},"v":{"S":"x"}, "aa" : {"N":"1"},"id":{"S":"abc"},"zz":{"S":"x"}})";
  const model::KeySchema sorted{.hash = {"aa", "N"}, .range = model::KeyAttribute{"zz", "S"}};
  const auto id = [](const std::string& name) { return name.substr(name.find('/') + 1); };
  EXPECT_EQ(find_key(id(kSortedName), item), sorted);
  EXPECT_EQ(find_key(id(kSchemaName), item), sorted);
  EXPECT_EQ(find_key("8f6d96a2442d76bb99e39f6d179ac31b313bf5e31bcd8caa62c44690bf465115", item), kHash);
  EXPECT_EQ(find_key("readme", item), std::nullopt);
  EXPECT_EQ(find_key(id(kSortedName), "no item"), std::nullopt);
  EXPECT_EQ(find_key(id(kSortedName), "[1]"), std::nullopt);
}

TEST(ItemObjects, OnlyWhitespaceBetweenTokensIsTakenAway) {
  EXPECT_EQ(without_whitespace(R"({"a":{"S":"b c\" d"}})"), std::nullopt);
  EXPECT_EQ(without_whitespace("{ \"a\" :\n{\"S\":\"b c\\\" d\"}\t}\n"), R"({"a":{"S":"b c\" d"}})");
}

std::vector<std::string> keys_of(const support::MemoryObjects& store) {
  std::vector<std::string> keys;
  for (const auto& [key, versions] : store.versions) {
    if (versions.back().body) keys.push_back(key);
  }
  return keys;
}

Outcome write(ObjectSink& sink, const model::Change& change) {
  const model::Change* const changes[]{&change};
  auto outcomes = support::run_task(sink.write(changes, kNoDeadline));
  return outcomes ? outcomes->front() : Outcome{Rejected{outcomes.error()}};
}

model::Change change_of(std::string_view key, std::string_view image) {
  return {key, image, *model::SequenceNumber::parse("1"), {}};
}

TEST(ObjectSink, AnItemMovesFromItsOldNameAndIsDeletedUnderBoth) {
  support::MemoryObjects store;
  ObjectSink sink(ItemObjects("Orders", kUnsorted), store);
  constexpr const char* kKey = R"({"zz":{"S":"x"},"aa":{"N":"1"}})";
  store.write(kSchemaName, "old");
  EXPECT_TRUE(std::holds_alternative<Applied>(write(sink, change_of(kKey, "{ \"new\":1 }"))));
  EXPECT_THAT(keys_of(store), ElementsAre(kSortedName));
  EXPECT_EQ(store.newest(kSortedName), R"({"new":1})");
  store.write(kSchemaName, "old again");
  EXPECT_TRUE(std::holds_alternative<Applied>(write(sink, change_of(kKey, ""))));
  EXPECT_THAT(keys_of(store), ElementsAre());
  EXPECT_TRUE(std::holds_alternative<Applied>(write(sink, change_of(kKey, ""))));
  EXPECT_EQ(store.versions[kSchemaName].size(), 4u) << "no delete marker where nothing stands";
}

}  // namespace
}  // namespace dynamirror::sink
