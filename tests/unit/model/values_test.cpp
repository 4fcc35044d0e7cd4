// SPDX-License-Identifier: Apache-2.0
//
// Goal: the values that pass through the whole pipeline keep what they were given, letter by letter.
// Method: examples, and the order of sequence numbers against that of integers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "model/change.hpp"
#include "model/checkpoint.hpp"
#include "model/key.hpp"
#include "model/sequence_number.hpp"
#include "model/shard.hpp"

namespace dynamirror::model {
namespace {

SequenceNumber sequence(std::string_view text) { return SequenceNumber::parse(text).value(); }

TEST(SequenceNumber, KeepsTheServicesSpelling) {
  EXPECT_EQ(sequence("000000000000000000123").text(), "000000000000000000123");
  EXPECT_EQ(sequence(std::string(56, '9')).str(), std::string(56, '9'));
}

TEST(SequenceNumber, RefusesWhatIsNoDecimalInteger) {
  for (const std::string& bad : {std::string(), std::string("1a"), std::string("-1"), std::string(" 1"),
                                 std::string(59, '1'), std::string("1.0")}) {
    EXPECT_FALSE(SequenceNumber::parse(bad)) << bad;
  }
}

TEST(SequenceNumber, IsOrderedAsAnIntegerWhateverTheLeadingZeros) {
  EXPECT_EQ(sequence("0123"), sequence("123"));
  EXPECT_EQ(sequence("000"), sequence("0"));
  EXPECT_LT(sequence("99"), sequence("100"));
  EXPECT_LT(sequence("0099"), sequence("100"));
  EXPECT_LT(sequence("99999999999999999999999999999999999998"), sequence("99999999999999999999999999999999999999"));
  Random random(1);
  for (int i = 0; i < 2'000; ++i) {
    const auto a = random.next() >> random.below(60);
    const auto b = random.next() >> random.below(60);
    const auto left = sequence(std::string(random.below(3), '0') + std::to_string(a));
    EXPECT_EQ(left <=> sequence(std::to_string(b)), a <=> b) << a << " and " << b;
  }
}

TEST(SequenceNumber, OrdersKinesissLongOnesAndThePlacesWithinAnAggregatedRecord) {
  const std::string low = "49590338271490256608559692538361571095921575989136588898";
  const std::string high = "49590338271490256608559692538361571095921575989136588899";
  ASSERT_EQ(low.size(), 56u);
  EXPECT_LT(sequence(low), sequence(high));
  EXPECT_LT(sequence(std::string(55, '9')), sequence(low));
  SequenceNumber tenth = sequence(low);
  tenth.set_sub(10);
  SequenceNumber second = sequence(low);
  second.set_sub(2);
  EXPECT_LT(sequence(low), second);
  EXPECT_LT(second, tenth) << "as numbers, not as text";
  EXPECT_LT(tenth, sequence(high));
  EXPECT_NE(second, tenth);
  EXPECT_EQ(tenth.text(), low) << "the service knows the digits alone";
  EXPECT_EQ(tenth.str(), low + ":10");
  EXPECT_EQ(SequenceNumber::parse_place(tenth.str()), tenth);
  EXPECT_EQ(SequenceNumber::parse_place(low), sequence(low));
  for (const std::string bad : {":1", "1:", "1:a", "1:-1", "1:4294967296", "1:2:3"}) {
    EXPECT_FALSE(SequenceNumber::parse_place(bad)) << bad;
  }
}

TEST(Checkpoint, IsSpelledAsKclSpellsIt) {
  for (const std::string_view text :
       {"TRIM_HORIZON", "LATEST", "SHARD_END", "000123", "AT_TIMESTAMP", "123:7", "AT_TIMESTAMP:1646853580213456"}) {
    const auto checkpoint = parse_checkpoint(text);
    ASSERT_TRUE(checkpoint) << text;
    EXPECT_EQ(to_string(*checkpoint), text);
  }
  for (const std::string_view bad : {"", "latest", "AT_TIMESTAMP:", "AT_TIMESTAMPS", "AT_TIMESTAMP:-1", "12a", "12:"})
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
}

TEST(Change, HoldsKeyAndImageApart) {
  const std::string key = R"({"id":{"S":"a"}})";
  const std::string image = R"({"id":{"S":"a"},"v":{"N":"1"}})";
  const Change put(key, image, sequence("1"), WallTime(std::chrono::seconds(5)));
  EXPECT_EQ(put.key(), key);
  EXPECT_EQ(put.image(), image);
  EXPECT_FALSE(put.is_delete());
  EXPECT_EQ(put.created(), WallTime(std::chrono::seconds(5)));
  EXPECT_GE(put.footprint_bytes(), key.size() + image.size());

  const Change removal(key, {}, sequence("2"), {});
  EXPECT_EQ(removal.key(), key);
  EXPECT_TRUE(removal.image().empty());
  EXPECT_TRUE(removal.is_delete());
}

TEST(Change, OfAKeyAloneIsNoDeletion) {
  const Change change = Change::of_key("key", sequence("1"), {});
  EXPECT_TRUE(change.is_key_only());
  EXPECT_FALSE(change.is_delete());
  EXPECT_FALSE(Change("key", "", sequence("2"), {}).is_key_only()) << "a deletion has no image to be read";
}

TEST(Change, KeepsTheOldImageApartFromANewOne) {
  Change change("key", "new", sequence("1"), {});
  EXPECT_EQ(change.old_image(), "");
  change.set_old_image("old");
  change.replace_image("another");
  EXPECT_EQ(change.key(), "key");
  EXPECT_EQ(change.image(), "another");
  EXPECT_EQ(change.old_image(), "old");
  change.replace_image("");
  EXPECT_TRUE(change.is_delete()) << "a rule may turn a change into a deletion";
  EXPECT_EQ(change.old_image(), "old");
}

TEST(KeySchema, IsDescribedWithItsTypes) {
  EXPECT_EQ(describe({{"id", "S"}, {}}), "id (S)");
  EXPECT_EQ(describe({{"id", "S"}, KeyAttribute{"time", "N"}}), "id (S), time (N)");
}

TEST(Shard, IsOpenUntilItHasALastSequenceNumber) {
  Shard shard{.id = ShardId("s"), .parents = {}, .first_sequence = sequence("1"), .last_sequence = {}};
  EXPECT_TRUE(shard.open());
  shard.last_sequence = sequence("2");
  EXPECT_FALSE(shard.open());
}

}  // namespace
}  // namespace dynamirror::model
