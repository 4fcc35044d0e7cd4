// SPDX-License-Identifier: Apache-2.0
//
// Goal: a checkpoint never runs ahead of a write that could still be lost, and lags no further than it must.
// Method: hand out positions in order, acknowledge them in every order, and compare with the definition.
#include "ordering/low_watermark.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "unit/ordering/values.hpp"

namespace dynamirror::ordering {
namespace {

using test::seq;

TEST(LowWatermark, SaysNothingBeforeTheFirstAcknowledgement) {
  LowWatermark watermark;
  (void)watermark.begin(seq(1));
  EXPECT_FALSE(watermark.safe());
  EXPECT_EQ(watermark.open(), 1u);
}

TEST(LowWatermark, IsHeldByTheOldestOpenChange) {
  LowWatermark watermark;
  const auto first = watermark.begin(seq(1));
  const auto second = watermark.begin(seq(2));
  watermark.acknowledge(second);
  EXPECT_FALSE(watermark.safe());
  EXPECT_EQ(watermark.open(), 2u) << "an acknowledged change behind an open one is not covered yet";
  watermark.acknowledge(first);
  EXPECT_EQ(watermark.safe(), seq(2));
  EXPECT_EQ(watermark.open(), 0u);
}

TEST(LowWatermark, KeepsTheLastSafePositionWhileLaterChangesAreOpen) {
  LowWatermark watermark;
  watermark.acknowledge(watermark.begin(seq(7)));
  (void)watermark.begin(seq(8));
  EXPECT_EQ(watermark.safe(), seq(7));
}

TEST(LowWatermark, EqualsTheAcknowledgedPrefixInEveryOrderOfAcknowledgement) {
  constexpr int kChanges = 7;
  std::vector<int> order(kChanges);
  std::iota(order.begin(), order.end(), 0);
  do {
    LowWatermark watermark;
    std::vector<LowWatermark::Ticket> tickets;
    for (int i = 0; i < kChanges; ++i) tickets.push_back(watermark.begin(seq(i + 1)));

    std::vector<bool> done(kChanges, false);
    for (const int i : order) {
      watermark.acknowledge(tickets[i]);
      done[i] = true;
      const auto prefix = static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
      ASSERT_EQ(watermark.safe().has_value(), prefix > 0);
      if (prefix > 0) {
        ASSERT_EQ(watermark.safe(), seq(prefix));
      }
      ASSERT_EQ(watermark.open(), kChanges - prefix);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(LowWatermark, ComparesPositionsAsIntegersOfAnyLength) {
  LowWatermark watermark;
  watermark.acknowledge(watermark.begin(*model::SequenceNumber::parse("999999999999999999999999999999999999999")));
  watermark.acknowledge(watermark.begin(*model::SequenceNumber::parse("1000000000000000000000000000000000000000")));
  EXPECT_EQ(watermark.safe()->text(), "1000000000000000000000000000000000000000");
}

TEST(LowWatermarkDeathTest, CrashesWhenAPositionDoesNotComeAfterTheLastOne) {
  LowWatermark watermark;
  const auto ticket = watermark.begin(seq(2));
  EXPECT_DEATH((void)watermark.begin(seq(2)), "position") << "the same position twice";
  watermark.acknowledge(ticket);
  EXPECT_DEATH((void)watermark.begin(seq(1)), "position") << "a position before the safe one";
}

TEST(LowWatermarkDeathTest, CrashesWhenAChangeIsAcknowledgedTwice) {
  LowWatermark watermark;
  (void)watermark.begin(seq(1));
  const auto second = watermark.begin(seq(2));
  watermark.acknowledge(second);
  EXPECT_DEATH(watermark.acknowledge(second), "acknowledged");
}

}  // namespace
}  // namespace dynamirror::ordering
