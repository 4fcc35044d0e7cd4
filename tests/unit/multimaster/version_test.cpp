// SPDX-License-Identifier: Apache-2.0
//
// Goal: versions have one order, their texts the same, and a text that no version makes is none: applications write
// into items what they like. Method: pairs in order, the greatest and smallest parts; texts with one thing wrong.
#include "multimaster/version.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "unit/multimaster/values.hpp"

namespace dynamirror::multimaster {
namespace {

using test::version;

Version of(std::int64_t time, const std::string& sequence, std::string origin) {
  return {time, *model::SequenceNumber::parse(sequence), std::move(origin)};
}

TEST(Version, TextsCompareAsVersionsDo) {
  const std::string longest(model::SequenceNumber::kMaxDigits, '9');
  const std::vector<Version> in_order{
      Version::adopted(1, {.high = 5, .low = 9}),
      Version::adopted(1, {.high = 40, .low = 0}),
      Version::adopted(2, {.high = 3, .low = 0}),
      of(Version::kAdoptedEnd, "0", "a"),
      of(1'700'000'000'000'000, "9", "z"),
      of(1'700'000'000'000'000, "10", "a"),
      of(1'700'000'000'000'000, "10", "a-long-name_of_a_Table"),
      of(1'700'000'000'000'000, "10", "b"),
      of(1'700'000'000'000'000, "100000000000000000000000000000000000007", "a"),
      of(1'700'000'000'000'000, longest, "a"),
      of(1'700'000'000'000'001, "1", "a"),
      of(9'999'999'999'999'999, "1", "a"),
  };
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    for (std::size_t j = 0; j < in_order.size(); ++j) {
      const std::string pair = in_order[i].text() + " and " + in_order[j].text();
      EXPECT_EQ(in_order[i] <=> in_order[j], i <=> j) << pair;
      EXPECT_EQ(in_order[i].text().compare(in_order[j].text()) <=> 0, i <=> j) << pair;
    }
    EXPECT_EQ(Version::parse(in_order[i].text()), in_order[i]);
  }
}

TEST(Version, HasThisText) {
  EXPECT_EQ(of(1'700'000'000'000'001, "0042", "eu").text(), "1700000000000001.0242.eu");
  EXPECT_EQ(of(7, "0", "eu").text(), "0000000000000007.010.eu");
}

TEST(Version, ATextThatNoVersionMakesIsNone) {
  const std::string time = "1700000000000000";
  const std::vector<std::string> texts{std::string(),
                                       time,
                                       time + ".",
                                       time + ".0242",
                                       time + ".0242.",
                                       time + ".0142.a",
                                       time + ".0342.a",
                                       time + ".0202.a",
                                       time + ".02x2.a",
                                       time + ".x242.a",
                                       time + ".-142.a",
                                       time + "-0242.a",
                                       "1" + time + ".0242.a",
                                       "170000000000000.0242.a",
                                       "-700000000000000.0242.a",
                                       " 700000000000000.0242.a",
                                       time + ".0242.a b",
                                       time + ".0242.a.b",
                                       time + ".0242." + std::string(33, 'a'),
                                       time + ".0242.\"",
                                       time + ".00.a"};
  for (const std::string& text : texts) {
    EXPECT_FALSE(Version::parse(text)) << text;
  }
  EXPECT_TRUE(Version::parse(time + ".0242." + std::string(32, 'a')));
}

TEST(Version, AnAdoptedOneIsOlderThanEveryWriteAndOneForOneContent) {
  const model::ItemDigest content{.high = std::numeric_limits<std::uint64_t>::max(), .low = 1};
  EXPECT_EQ(Version::adopted(2, content), Version::adopted(2, content));
  EXPECT_LT(Version::adopted(1, content), Version::adopted(2, {.high = 0, .low = 0}));
  EXPECT_LT(Version::adopted(2, content), Version(Version::kAdoptedEnd, model::SequenceNumber::of(0), "a"));
  EXPECT_TRUE(Version::adopted(2, content).is_adopted());
  EXPECT_FALSE(version(1, 1).is_adopted());
}

TEST(Version, NothingIsSmallerThanEveryVersion) {
  const std::optional<Version> first = version(1, 1);
  const std::optional<Version> second = version(1, 2);
  EXPECT_EQ(later(first, second), second);
  EXPECT_EQ(later(second, first), second);
  EXPECT_EQ(later(std::nullopt, first), first);
  EXPECT_EQ(later(first, std::nullopt), first);
  EXPECT_EQ(later(std::nullopt, std::nullopt), std::nullopt);
}

TEST(Version, AnOriginIsAShortName) {
  for (const char* good : {"a", "eu-west-1_Orders", "0"}) EXPECT_TRUE(Version::is_origin(good)) << good;
  for (const char* bad : {"", "a.b", "a b", "ä", "a\"", "123456789012345678901234567890123"}) {
    EXPECT_FALSE(Version::is_origin(bad)) << bad;
  }
}

}  // namespace
}  // namespace dynamirror::multimaster
