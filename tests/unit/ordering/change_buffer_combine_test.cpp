// SPDX-License-Identifier: Apache-2.0
//
// Goal: where a rule says which of two waiting changes of a key stays, that one is written, with what the rule gave it;
// the watermark passes neither before; counters and bytes stay true. Method: single moves with rules made up here.
#include <gtest/gtest.h>

#include <string>

#include "ordering/change_buffer.hpp"
#include "unit/ordering/values.hpp"

namespace dynamirror::ordering {
namespace {

using test::at;
using test::change;
using test::seq;

/// The one whose image begins with a capital stays; of two alike the newer. It takes over the other one's image.
bool capitals_stay(model::Change& newer, const model::Change& older) {
  const auto capital = [](const model::Change& of) { return of.image().starts_with("A"); };
  if (capital(older) && !capital(newer)) return false;
  newer.set_old_image(std::string(older.old_image()).append(older.image()));
  return true;
}

class Combine : public ::testing::Test {
 protected:
  void push(std::uint64_t n, std::string_view image, std::string_view key = "k") {
    buffer.push(shard, change(key, n, image));
  }
  ChangeBuffer::InFlight take(int now_ms = 0) {
    const auto taken = buffer.take(1, 1'000'000, at(now_ms));
    EXPECT_EQ(taken.size(), 1u);
    return taken.empty() ? ChangeBuffer::InFlight{} : taken.front();
  }
  void expect_sums() {
    const auto& counters = buffer.counters();
    EXPECT_EQ(counters.read, counters.settled() + counters.held());
  }

  static ChangeBuffer::Options options() {
    ChangeBuffer::Options options;
    options.combine = capitals_stay;
    return options;
  }

  ChangeBuffer buffer{options()};
  ChangeBuffer::ShardHandle shard = buffer.add_shard();
};

TEST_F(Combine, TheNewerStaysWithWhatItWasGiven) {
  push(1, "one");
  push(2, "two");
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_EQ(buffer.counters().held(), 1u);
  expect_sums();
  const auto taken = take();
  EXPECT_EQ(taken.change->image(), "two");
  EXPECT_EQ(taken.change->old_image(), "one");
  EXPECT_EQ(taken.change->sequence(), seq(2));
  EXPECT_EQ(buffer.safe(shard), std::nullopt) << "both must be read again if this process ends";
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(2));
  EXPECT_EQ(buffer.held_bytes(), 0u);
  expect_sums();
}

TEST_F(Combine, TheOlderStaysAndTheWatermarkWaitsForIt) {
  push(1, "A capital");
  push(2, "two");
  push(3, "three");
  EXPECT_EQ(buffer.counters().superseded, 2u);
  EXPECT_EQ(buffer.safe(shard), std::nullopt) << "the first one is still to be written";
  const auto taken = take();
  EXPECT_EQ(taken.change->image(), "A capital");
  EXPECT_EQ(taken.change->old_image(), "");
  EXPECT_EQ(taken.change->sequence(), seq(1));
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(3));
  EXPECT_EQ(buffer.held_bytes(), 0u);
  EXPECT_TRUE(buffer.take(9, 1'000'000, at(0)).empty());
  expect_sums();
}

TEST_F(Combine, HeldBytesAreThoseOfTheChangeAsItIsNow) {
  const std::string large(10'000, 'x');
  push(1, large);
  push(2, "two");
  const auto taken = take();
  EXPECT_EQ(taken.change->old_image(), large);
  EXPECT_EQ(buffer.held_bytes(), taken.change->footprint_bytes());
  EXPECT_GT(buffer.held_bytes(), large.size());
  buffer.applied(taken.ticket);
  push(3, "A capital");
  push(4, large);
  EXPECT_EQ(buffer.held_bytes(), take().change->footprint_bytes());
  EXPECT_LT(buffer.held_bytes(), large.size());
}

TEST_F(Combine, AChangeUnderWayIsLeftAloneUntilItComesBack) {
  push(1, "A capital");
  const auto first = take();
  push(2, "two");
  EXPECT_EQ(buffer.counters().superseded, 0u);
  EXPECT_EQ(first.change->image(), "A capital");
  buffer.postpone(first.ticket, at(5));
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_TRUE(buffer.take(1, 1'000'000, at(4)).empty()) << "the pause is the key's";
  const auto again = take(5);
  EXPECT_EQ(again.change->image(), "A capital");
  push(3, "Another");
  buffer.retry(again.ticket, at(9));
  const auto last = take(9);
  EXPECT_EQ(last.change->image(), "Another");
  EXPECT_EQ(last.change->old_image(), "A capital");
  buffer.applied(last.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(3));
  EXPECT_EQ(buffer.held_bytes(), 0u);
  expect_sums();
}

TEST_F(Combine, ChangesOfOtherKeysDoNotMeet) {
  push(1, "A capital", "k");
  push(2, "two", "l");
  EXPECT_EQ(buffer.counters().held(), 2u);
  EXPECT_EQ(buffer.counters().superseded, 0u);
}

}  // namespace
}  // namespace dynamirror::ordering
