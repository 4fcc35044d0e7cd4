// SPDX-License-Identifier: Apache-2.0
//
// Goal: an empty map that DynamoDB Local's stream writes without its type gets it back, and nothing else is touched.
// Method: the forms seen in its answers; then random images, spoilt as DynamoDB Local does it, and mended.
#include "aws/streams/bare_maps.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace dynamirror::aws {
namespace {

TEST(BareMaps, GetTheirTypeBackAtEveryDepth) {
  EXPECT_EQ(with_typed_maps(R"({"id":{"S":"a"},"m":{}})"), R"({"id":{"S":"a"},"m":{"M":{}}})");
  EXPECT_EQ(with_typed_maps(R"({"m":{"M":{"k":{}}}})"), R"({"m":{"M":{"k":{"M":{}}}}})");
  EXPECT_EQ(with_typed_maps(R"({"m":{"L":[{},{"L":[]},{}]}})"), R"({"m":{"L":[{"M":{}},{"L":[]},{"M":{}}]}})");
}

TEST(BareMaps, AreToldFromTypedOnesWhateverTheAttributesAreCalled) {
  for (const char* right : {R"({"m":{"M":{}}})", R"({"M":{"M":{"M":{"M":{}}}}})", R"({"L":{"L":[{"M":{}}]}})",
                            R"({"s":{"S":"{}\"{}\\"},"{}":{"S":"[{}"}})", "{}"}) {
    EXPECT_EQ(with_typed_maps(right), right);
  }
  EXPECT_EQ(with_typed_maps(R"({"M":{}})"), R"({"M":{"M":{}}})");
  EXPECT_EQ(with_typed_maps(R"({"M":{"M":{"M":{}}}})"), R"({"M":{"M":{"M":{"M":{}}}}})");
}

TEST(BareMaps, AreNoticedAtEveryPlace) {
  for (std::size_t size = 2; size < 40; ++size) {
    for (std::size_t at = 0; at + 2 <= size; ++at) {
      std::string text(size, '}');
      EXPECT_FALSE(may_hold_bare_map(text));
      text[at] = '{';
      EXPECT_TRUE(may_hold_bare_map(text)) << text;
      text[at + 1] = '"';
      EXPECT_FALSE(may_hold_bare_map(text)) << text;
    }
  }
  EXPECT_FALSE(may_hold_bare_map(""));
  EXPECT_FALSE(may_hold_bare_map("{"));
  EXPECT_FALSE(may_hold_bare_map(R"({"id":{"S":"\u007b\u007d"},"z|~":{"N":"1"}})"));
}

/// One random attribute value, written rightly and as DynamoDB Local's stream does.
void append_value(std::string& right, std::string& spoilt, Random& random, int depth) {
  const auto kind = random.below(depth > 0 ? 4 : 2);
  if (kind == 0) {
    right += R"({"S":"{}\"}{"})";
    spoilt += R"({"S":"{}\"}{"})";
    return;
  }
  const auto count = depth > 0 ? random.below(3) : 0;
  if (kind == 1 || (kind == 2 && count == 0)) {
    right += R"({"M":{}})";
    spoilt += "{}";
    return;
  }
  const bool map = kind == 2;
  for (std::string* out : {&right, &spoilt}) *out += map ? R"({"M":{)" : R"({"L":[)";
  for (std::uint64_t i = 0; i < count; ++i) {
    for (std::string* out : {&right, &spoilt}) {
      if (i > 0) *out += ',';
      if (map) *out += i == 0 ? R"("M":)" : R"("\"":)";
    }
    append_value(right, spoilt, random, depth - 1);
  }
  for (std::string* out : {&right, &spoilt}) *out += map ? "}}" : "]}";
}

TEST(BareMaps, AreMendedInRandomImages) {
  int spoilt_ones = 0;
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    std::string right = R"({"id":)";
    std::string spoilt = right;
    append_value(right, spoilt, random, 5);
    right += "}";
    spoilt += "}";
    ASSERT_EQ(with_typed_maps(spoilt), right) << "seed " << seed;
    ASSERT_EQ(with_typed_maps(right), right) << "seed " << seed;
    if (spoilt != right) {
      ASSERT_TRUE(may_hold_bare_map(spoilt)) << "seed " << seed;
      ++spoilt_ones;
    }
  }
  EXPECT_GT(spoilt_ones, 1'000);
}

}  // namespace
}  // namespace dynamirror::aws
