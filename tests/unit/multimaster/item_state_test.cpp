// SPDX-License-Identifier: Apache-2.0
//
// Goal: an item shows whether an application has written it since the replicator vouched for it, whatever it made of
// our attributes; and the hash that is stored in items stays the same for ever. Method: an item as each of them leaves
// it.
#include "multimaster/item_state.hpp"

#include <gtest/gtest.h>

#include "unit/multimaster/values.hpp"

namespace dynamirror::multimaster {
namespace {

using test::content;
using test::stamped;
using test::state;
using test::updated;
using test::version;

TEST(ItemState, WhatTheReplicatorHasWrittenIsClean) {
  const ItemState item = state(stamped(1, version(7, 3)));
  EXPECT_TRUE(item.clean());
  EXPECT_EQ(item.version, version(7, 3));
  EXPECT_EQ(item.base, std::nullopt);
  EXPECT_FALSE(item.deleted);
  EXPECT_EQ(item.content, state(content(1)).content) << "our attributes are no content";
  EXPECT_TRUE(state(stamped(1, version(7, 3), true)).deleted);
  EXPECT_TRUE(state(stamped(1, version(7, 3), true)).clean());
}

TEST(ItemState, APutOfAnApplicationIsUnclean) {
  const ItemState item = state(content(1));
  EXPECT_FALSE(item.clean());
  EXPECT_EQ(item.version, std::nullopt);
}

TEST(ItemState, AnUpdateOfAnApplicationIsUncleanAndKeepsTheVersion) {
  const ItemState item = state(updated(stamped(1, version(7, 3)), 1, 2));
  EXPECT_FALSE(item.clean());
  EXPECT_EQ(item.version, version(7, 3));
  EXPECT_TRUE(state(updated(updated(stamped(1, version(7, 3)), 1, 2), 2, 1)).clean()) << "what we vouched for is back";
}

TEST(ItemState, AnAttributeThatIsAddedOrTakenAwayIsContent) {
  std::string more = stamped(1, version(7, 3));
  more.insert(1, R"("more":{"NULL":true},)");
  EXPECT_FALSE(state(more).clean());
  std::string less = stamped(1, version(7, 3));
  less.replace(less.find(R"(,"c":{"N":"1"})"), 14, "");
  EXPECT_FALSE(state(less).clean());
}

TEST(ItemState, AnotherSpellingOfTheContentIsNoWrite) {
  EXPECT_TRUE(state(updated(stamped(10, version(7, 3)), 10, 10)).clean());
  std::string item = stamped(10, version(7, 3));
  item.replace(item.find(R"("10")"), 4, R"("1.0e1")");
  EXPECT_TRUE(state(item).clean());
}

TEST(ItemState, AttributesOfOursThatAreBrokenCountAsAbsent) {
  const std::string good = stamped(1, version(7, 3));
  const auto with = [&](std::string_view name, const std::string& value) {
    std::string item = good;
    const auto begin = item.find('{', item.find(name));
    return item.replace(begin, item.find('}', begin) + 1 - begin, value);
  };
  for (const char* broken : {R"({"S":""})", R"({"S":"1"})", R"({"N":"1"})", R"({"NULL":true})", R"({"L":[]})",
                             R"({"S":"0000000007000000.013.ab c"})"}) {
    EXPECT_EQ(state(with(kVersionName, broken)).version, std::nullopt) << broken;
    EXPECT_FALSE(state(with(kVersionName, broken)).clean()) << broken;
    EXPECT_FALSE(state(with(kHashName, broken)).clean()) << broken;
    EXPECT_EQ(state(with(kHashName, broken)).version, version(7, 3)) << broken;
  }
}

TEST(ItemState, WhatIsNoItemIsRefused) {
  for (const char* text : {"", "[]", "{", R"({"a":1})", R"({"_repl_version":{"S":"x"})"}) {
    const auto read = read_state(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().error_class, ErrorClass::kInvalid) << text;
  }
}

TEST(ItemState, MarksTakeThePlaceOfThoseThatWereThere) {
  const std::string base = version(5, 1).text();
  const Marks marks{.version = version(7, 3), .base = version(5, 1), .hash = "1ab", .deleted = true};
  const std::string expected = R"({"_repl_version":{"S":"0000000007000000.013.a"},"_repl_hash":{"S":"1ab"},)"
                               R"("_repl_base":{"S":")" +
                               base + R"("},"_repl_deleted":{"BOOL":true},"id":{"S":"k0"},"c":{"N":"1"}})";
  EXPECT_EQ(with_marks(content(1), marks), expected);
  EXPECT_EQ(with_marks(expected, marks), expected);
  EXPECT_EQ(with_marks(stamped(1, version(9, 9)), marks), expected);
  EXPECT_EQ(
      with_marks(content(1), {.version = version(7, 3), .hash = "1ab"}),
      R"({"_repl_version":{"S":"0000000007000000.013.a"},"_repl_hash":{"S":"1ab"},"id":{"S":"k0"},"c":{"N":"1"}})");
}

TEST(ItemState, WithoutMarksItIsTheApplicationsItem) {
  EXPECT_EQ(without_marks(stamped(1, version(7, 3), true)), content(1));
  EXPECT_EQ(without_marks(content(1)), content(1));
  EXPECT_EQ(without_marks(R"({"_repl_seen":{"S":"x"},"_repl_source_table":{"S":"t"},"id":{"S":"_repl_hash"}})"),
            R"({"id":{"S":"_repl_hash"}})");
  EXPECT_EQ(without_marks(R"({"_repl_other":{"S":"x"}})"), R"({"_repl_other":{"S":"x"}})") << "not one of ours";
}

TEST(ItemState, AHashIsTheSameInEveryVersionOfTheProgram) {
  // Hashes are stored in the items of tables. If one of these changes, every item of every table that is kept in step
  // looks like an application's write. A new form needs a new first letter in `hash_of`, and the old one to be read.
  const std::string all =
      R"({"id":{"S":"k0"},"s":{"S":"text \"ü\" €"},"empty":{"S":""},"n":{"N":"-12.50"},"big":{"N":"1e125"},)"
      R"("b":{"B":"AQID"},"yes":{"BOOL":true},"no":{"BOOL":false},"null":{"NULL":true},"ss":{"SS":["b","a"]},)"
      R"("ns":{"NS":["2","1.0"]},"bs":{"BS":["AQ==","Ag=="]},"l":{"L":[{"S":"x"},{"L":[]},{"N":"0"}]},)"
      R"("m":{"M":{"y":{"M":{}},"x":{"NULL":true}}}})";
  EXPECT_EQ(hash_of(state(all).content), "1bbc8d15c8c81f5b30c2db68ccb1d721e");
  EXPECT_EQ(hash_of(state(with_marks(all, {.version = version(7, 3), .hash = "1"})).content),
            "1bbc8d15c8c81f5b30c2db68ccb1d721e");
  EXPECT_EQ(hash_of(state(content(1)).content), "1df497b208d53f2acfd74214dd4a7cde7");
  EXPECT_EQ(hash_of(state("{}").content), "1cb0e738127b30e884c71fc9d03a6bf6e");
}

}  // namespace
}  // namespace dynamirror::multimaster
