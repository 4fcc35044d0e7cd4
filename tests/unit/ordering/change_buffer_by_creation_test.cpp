// SPDX-License-Identifier: Apache-2.0
//
// Goal: of changes that come twice and out of order, the newest by its creation is written, and where the times do not
// tell, the key alone stays; the watermark passes nothing that is still to be written. Method: single moves.
#include <gtest/gtest.h>

#include "ordering/change_buffer.hpp"
#include "unit/ordering/values.hpp"

namespace dynamirror::ordering {
namespace {

using test::at;
using test::seq;

class ByCreation : public ::testing::Test {
 protected:
  void push(std::uint64_t place, int created_ms, std::string_view image) {
    buffer.push(shard, {"a", image, model::SequenceNumber::of(place), WallTime(std::chrono::milliseconds(created_ms))});
  }
  ChangeBuffer::InFlight take(int now_ms = 0) {
    const auto taken = buffer.take(1, 1'000'000, at(now_ms));
    EXPECT_EQ(taken.size(), 1u);
    return taken.empty() ? ChangeBuffer::InFlight{} : taken.front();
  }

  ChangeBuffer buffer{ChangeBuffer::Options{.by_creation = true}};
  ChangeBuffer::ShardHandle shard = buffer.add_shard();
};

TEST_F(ByCreation, TheLaterTimeStaysWhateverCameLast) {
  push(1, 20, "newer");
  push(2, 10, "older");
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_FALSE(buffer.safe(shard)) << "the first one is still to be written";
  const auto taken = take();
  EXPECT_EQ(taken.change->image(), "newer");
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(2));
  push(3, 30, "old");
  push(4, 40, "new");
  EXPECT_EQ(take().change->image(), "new");
}

TEST_F(ByCreation, OfOneTimeTheKeyAloneStaysInThePlaceOfTheFirst) {
  push(1, 10, "one");
  push(2, 10, "other");
  EXPECT_FALSE(buffer.safe(shard)) << "both must be read again if this process ends";
  const auto taken = take();
  EXPECT_TRUE(taken.change->is_key_only());
  EXPECT_EQ(taken.change->key(), "a");
  EXPECT_EQ(taken.change->sequence(), seq(1));
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.held_bytes(), 0u);
  EXPECT_EQ(buffer.counters().held(), 0u);
}

TEST_F(ByCreation, WhatHasComeTwiceIsOneChangeWithItsImage) {
  push(1, 10, "same");
  push(2, 10, "same");
  EXPECT_EQ(take().change->image(), "same");
}

TEST_F(ByCreation, ADeletionOfTheSameTimeIsNoSameChange) {
  push(1, 10, "image");
  push(2, 10, "");
  EXPECT_TRUE(take().change->is_key_only());
}

TEST_F(ByCreation, AFailedWriteIsTriedAgainUnlessALaterOneWaits) {
  push(1, 20, "newer");
  const auto first = take();
  push(2, 10, "older");
  buffer.retry(first.ticket, at(5));
  const auto again = take(5);
  EXPECT_EQ(again.change->image(), "newer");
  push(3, 30, "newest");
  buffer.retry(again.ticket, at(9));
  EXPECT_EQ(take(9).change->image(), "newest");
}

}  // namespace
}  // namespace dynamirror::ordering
