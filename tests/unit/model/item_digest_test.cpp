// SPDX-License-Identifier: Apache-2.0
//
// Goal: a digest changes exactly when the item does.
// Method: classes of spellings of one item, members of different classes differing; a flood of small variations for
// collisions in half the bits; one bit of input flips half of the output.
#include "model/item_digest.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "model/item_difference.hpp"

namespace dynamirror::model {
namespace {

ItemDigest digest(std::string_view item) {
  static ItemDigester digester;
  const auto found = digester.digest(item);
  EXPECT_TRUE(found) << item << ": " << (found ? "" : found.error().message);
  return found.value_or(ItemDigest{});
}

std::string value(std::string_view text) { return R"({"a":)" + std::string(text) + "}"; }

TEST(ItemDigest, IsOneForAllSpellingsOfAnItemAndAnotherForEveryOtherItem) {
  const std::vector<std::vector<std::string>> classes{
      {"{}", " { } "},
      {R"({"a":{"S":"1"},"b":{"S":"2"}})", R"({"b":{"S":"2"},"a":{"S":"1"}})",
       "{ \"a\" :\n{\"S\":\"1\"},\"b\":{\"S\":\"2\"}}", R"({"\u0061":{"S":"\u0031"},"b":{"\u0053":"2"}})"},
      {R"({"a":{"S":"2"},"b":{"S":"1"}})"},
      {R"({"a":{"S":"1"}})"},
      {value(R"({"N":"1"})"), value(R"({"N":"1.0"})"), value(R"({"N":"1e0"})"), value(R"({"N":"+01"})")},
      {value(R"({"N":"-1"})")},
      {value(R"({"N":"0"})"), value(R"({"N":"-0.0"})")},
      {value(R"({"N":"9007199254740993"})"), value(R"({"N":"9.007199254740993E15"})")},
      {value(R"({"N":"9007199254740992"})")},
      {value(R"({"N":"12345678901234567890123456789012345678"})")},
      {value(R"({"N":"12345678901234567890123456789012345679"})")},
      {value(R"({"N":"9.99E+125"})"), value(R"({"N":"99.9e124"})")},
      {value(R"({"S":""})")},
      {value(R"({"B":""})")},
      {value(R"({"S":"AQ=="})")},
      {value(R"({"B":"AQ=="})"), value(R"({"B":"AR=="})"), value(R"({"B":"AQ"})")},
      {value(R"({"B":"AQA="})"), value(R"({"B":"AQC="})")},
      {value(R"({"B":"AQAA"})")},
      {value(R"({"BOOL":true})")},
      {value(R"({"BOOL":false})")},
      {value(R"({"NULL":true})")},
      {value(R"({"SS":["1"]})")},
      {value(R"({"L":[{"S":"1"}]})")},
      {value(R"({"SS":["1","2"]})"), value(R"({"SS":["2","1"]})")},
      {value(R"({"NS":["1","2"]})"), value(R"({"NS":["2e0","1.0"]})")},
      {value(R"({"BS":["AQ==","Ag=="]})"), value(R"({"BS":["Ag==","AQ=="]})")},
      {value(R"({"SS":["12"]})")},
      {value(R"({"SS":["","12"]})")},
      {value(R"({"L":[{"S":"1"},{"S":"2"}]})")},
      {value(R"({"L":[{"S":"2"},{"S":"1"}]})")},
      {value(R"({"L":[]})")},
      {value(R"({"L":[{"L":[]}]})")},
      {value(R"({"L":[{"L":[]},{"L":[]}]})")},
      {value(R"({"M":{}})")},
      {value(R"({"M":{"x":{"N":"1"},"y":{"S":"1"}}})"), value(R"({"M":{"y":{"S":"1"},"x":{"N":"1.0"}}})")},
      {value(R"({"M":{"y":{"N":"1"},"x":{"S":"1"}}})")},
      {value(R"({"M":{"a":{"M":{"a":{"S":"1"}}}}})")},
      {R"({"ab":{"S":"c"}})"},
      {R"({"a":{"S":"bc"}})"},
      {value(R"({"S":"12345678"})")},
      {value(R"({"S":"12345678\u0000"})")},
      {value(R"({"S":"1234567890123456"})")},
      {value(R"({"S":"1234567890123456\u0000"})")},
  };
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (std::size_t j = 0; j < classes.size(); ++j) {
      for (const auto& left : classes[i]) {
        for (const auto& right : classes[j]) EXPECT_EQ(digest(left) == digest(right), i == j) << left << " " << right;
      }
    }
  }
}

TEST(ItemDigest, DoesNotLetEqualMembersCancelEachOther) {
  // Every pair of equal values must count, which an exclusive or would lose.
  EXPECT_NE(digest(R"({"a":{"S":"x"},"b":{"S":"x"}})"), digest(R"({"a":{"S":"y"},"b":{"S":"y"}})"));
  EXPECT_NE(digest(value(R"({"SS":["x","x"]})")), digest(value(R"({"SS":["y","y"]})")));
}

TEST(ItemDigest, RefusesWhatIsNoItem) {
  ItemDigester digester;
  for (const char* bad : {"", "[]", "1", R"({"a":1})", R"({"a":{}})", R"({"a":{"S":1}})", R"({"a":{"X":"1"}})",
                          R"({"a":{"S":"1","N":"1"}})", R"({"a":{"BOOL":"true"}})", R"({"a":{"SS":"1"}})", "{\"a\":"}) {
    const auto found = digester.digest(bad);
    ASSERT_FALSE(found) << bad;
    EXPECT_EQ(found.error().error_class, ErrorClass::kInvalid);
  }
  EXPECT_TRUE(digester.digest("{}")) << "usable after errors";
}

std::string lists(int levels) {
  std::string item = R"({"id":{"S":"a"},"v":)";
  for (int i = 0; i < levels; ++i) item += R"({"L":[)";
  for (int i = 0; i < levels; ++i) item += "]}";
  return item + "}";
}

TEST(ItemDigest, TakesAllTheLevelsThatDynamoDbTakesAndRefusesDepthsThatWouldOverflowAStack) {
  ItemDigester digester;
  EXPECT_TRUE(digester.digest(lists(32)));
  for (const int levels : {5'000, 1'000'000}) {
    const auto found = digester.digest(lists(levels));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().error_class, ErrorClass::kInvalid);
    EXPECT_FALSE(item_difference(digester, lists(levels), "{}"));
  }
  EXPECT_TRUE(digester.digest("{}")) << "usable after errors";
}

TEST(ItemDigest, GivesTheKeysDigestInTheSameReading) {
  ItemDigester digester;
  const KeySchema schema{{"id", "S"}, KeyAttribute{"n", "N"}};
  const auto keyed = digester.digest_with_key(R"({"v":{"S":"x"},"n":{"N":"1.0"},"id":{"S":"a"}})", schema);
  ASSERT_TRUE(keyed);
  EXPECT_EQ(keyed->key, digest(R"({"id":{"S":"a"},"n":{"N":"1"}})"));
  EXPECT_EQ(keyed->item, digest(R"({"id":{"S":"a"},"n":{"N":"1"},"v":{"S":"x"}})"));
  EXPECT_FALSE(digester.digest_with_key(R"({"id":{"S":"a"}})", schema)) << "a key attribute is missing";
}

TEST(ItemDigest, HasNoCollisionsInHalfItsBitsOverSmallVariations) {
  std::set<std::uint64_t> high;
  std::set<std::uint64_t> low;
  constexpr int kItems = 50'000;
  for (int i = 0; i < kItems; ++i) {
    const auto number = std::to_string(i);
    const auto found = digest(R"({"id":{"S":"a"},"n":{"N":")" + number + R"("},"t":{"S":"t)" + number + "\"}}");
    high.insert(found.high >> 16);  // 48 bits: by chance one collision in 200,000 runs
    low.insert(found.low >> 16);
  }
  EXPECT_EQ(high.size(), kItems);
  EXPECT_EQ(low.size(), kItems);
}

TEST(ItemDigest, SpreadsEveryBitOfATextOverAllBits) {
  Random random(7);
  std::vector<int> flips(128);
  constexpr int kTrials = 2'000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::string text(1 + random.below(40), 'a');
    for (char& c : text) c = static_cast<char>('a' + random.below(8));
    const auto before = digest(value(R"({"S":")" + text + "\"}"));
    text[random.below(text.size())] ^= static_cast<char>(1 << random.below(3));  // stays a plain character
    for (char& c : text) c = c < 'a' ? 'h' : c;
    const auto after = digest(value(R"({"S":")" + text + "\"}"));
    for (int bit = 0; bit < 64; ++bit) {
      flips[bit] += ((before.low ^ after.low) >> bit & 1) != 0;
      flips[64 + bit] += ((before.high ^ after.high) >> bit & 1) != 0;
    }
  }
  for (int bit = 0; bit < 128; ++bit) {
    EXPECT_NEAR(flips[bit], kTrials / 2, kTrials / 8) << "bit " << bit;
  }
}

TEST(SameItem, LooksThroughSpellings) {
  EXPECT_TRUE(same_item(value(R"({"N":"1"})"), value(R"({ "N" : "1.0" })")));
  EXPECT_FALSE(same_item(value(R"({"N":"1"})"), value(R"({"S":"1"})")));
  EXPECT_TRUE(same_item("x", "x"));
  EXPECT_FALSE(same_item("x", "y"));
}

TEST(ItemDifference, NamesTheAttributesThatDiffer) {
  ItemDigester digester;
  const auto names = item_difference(digester, R"({"id":{"S":"a"},"n":{"N":"1"},"x":{"S":"1"},"left":{"NULL":true}})",
                                     R"({"x":{"N":"1"},"right":{"S":""},"id":{"S":"a"},"n":{"N":"1.0"}})");
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, (std::vector<std::string>{"left", "right", "x"}));
  EXPECT_FALSE(item_difference(digester, "{}", "[]"));
}

TEST(ItemDigest, LeavesOutWhatIsIgnoredOnTheTopLevelOnly) {
  ItemDigester digester({"guard", "other"});
  const auto whole = digester.digest(R"({"id":{"S":"a"},"m":{"M":{"guard":{"S":"x"}}}})");
  const auto more =
      digester.digest(R"({"guard":{"N":"1"},"id":{"S":"a"},"m":{"M":{"guard":{"S":"x"}}},"other":{"NULL":true}})");
  const auto nested = digester.digest(R"({"id":{"S":"a"},"m":{"M":{}}})");
  ASSERT_TRUE(whole && more && nested);
  EXPECT_EQ(*whole, *more);
  EXPECT_NE(*whole, *nested);
  const auto names = item_difference(digester, R"({"id":{"S":"a"},"guard":{"N":"1"}})", R"({"id":{"S":"b"}})");
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, std::vector<std::string>{"id"});
}

}  // namespace
}  // namespace dynamirror::model
