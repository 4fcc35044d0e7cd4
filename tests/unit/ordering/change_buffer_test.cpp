// SPDX-License-Identifier: Apache-2.0
//
// Goal: changes of one key are written in order, one at a time, newest first to count; a slow key delays only itself;
// and nothing that was read goes uncounted. Method: each rule on the smallest buffer that shows it; then a long random
// run against the obvious slow model.
#include "ordering/change_buffer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "unit/ordering/values.hpp"

namespace dynamirror::ordering {
namespace {

using test::at;
using test::change;
using test::seq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kNoLimit = 1'000'000;

class ChangeBufferTest : public ::testing::Test {
 protected:
  std::vector<ChangeBuffer::InFlight> take_all(int now_ms = 0) { return buffer.take(kNoLimit, kNoLimit, at(now_ms)); }

  ChangeBuffer::InFlight take_one(int now_ms = 0) {
    const auto taken = buffer.take(1, kNoLimit, at(now_ms));
    EXPECT_EQ(taken.size(), 1u);
    return taken.empty() ? ChangeBuffer::InFlight{} : taken.front();
  }

  static std::vector<std::string> keys(const std::vector<ChangeBuffer::InFlight>& taken) {
    std::vector<std::string> keys;
    for (const auto& one : taken) keys.emplace_back(one.change->key());
    return keys;
  }

  ChangeBuffer buffer{ChangeBuffer::Options{}};
  ChangeBuffer::ShardHandle shard = buffer.add_shard();
};

TEST_F(ChangeBufferTest, GivesKeysFirstInFirstOut) {
  for (int i = 0; const char* key : {"c", "a", "b"}) buffer.push(shard, change(key, ++i));
  EXPECT_THAT(keys(take_all()), ElementsAre("c", "a", "b"));
  EXPECT_EQ(buffer.in_flight(), 3u);
}

TEST_F(ChangeBufferTest, HasOneChangeOfAKeyInFlightAtATime) {
  buffer.push(shard, change("a", 1));
  const auto first = take_one();
  buffer.push(shard, change("a", 2));
  EXPECT_THAT(take_all(), IsEmpty());
  EXPECT_EQ(buffer.ready(at(0)), 0u);
  buffer.applied(first.ticket);
  EXPECT_EQ(take_one().change->sequence(), seq(2));
}

TEST_F(ChangeBufferTest, ANewerChangeReplacesThePendingOne) {
  buffer.push(shard, change("a", 1, "old"));
  buffer.push(shard, change("a", 2, "new"));
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_EQ(buffer.safe(shard), seq(1)) << "the newer change will do the older one's work, and holds the watermark";
  const auto taken = take_one();
  EXPECT_EQ(taken.change->image(), "new");
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(2));
  EXPECT_THAT(take_all(), IsEmpty());
}

TEST_F(ChangeBufferTest, ReplacingAChangeKeepsItsPlaceInTheQueue) {
  buffer.push(shard, change("a", 1));
  buffer.push(shard, change("b", 2));
  buffer.push(shard, change("a", 3));
  EXPECT_THAT(keys(take_all()), ElementsAre("a", "b"));
}

TEST_F(ChangeBufferTest, TheSupersededChangeIsAcknowledgedInItsOwnShard) {
  const auto child = buffer.add_shard();
  buffer.push(shard, change("a", 1));
  buffer.push(child, change("a", 1'000));
  EXPECT_EQ(buffer.safe(shard), seq(1));
  EXPECT_EQ(buffer.outstanding(shard), 0u);
  EXPECT_EQ(buffer.outstanding(child), 1u);
  const auto taken = take_one();
  EXPECT_EQ(taken.shard, child);
  buffer.applied(taken.ticket);
  EXPECT_EQ(buffer.safe(child), seq(1'000));
}

TEST_F(ChangeBufferTest, AChangeInFlightStaysWhereItIsWhileOthersComeAndGo) {
  buffer.push(shard, change("kept", 1, "the image"));
  const auto kept = take_one();
  for (int i = 2; i < 5'000; ++i) {
    buffer.push(shard, change("key" + std::to_string(i), i));
    if (i % 2 == 0) buffer.applied(take_one().ticket);
  }
  buffer.push(shard, change("kept", 5'000, "newer"));
  EXPECT_EQ(kept.change->key(), "kept");
  EXPECT_EQ(kept.change->image(), "the image");
}

TEST_F(ChangeBufferTest, ARetryDelaysOnlyItsOwnKey) {
  buffer.push(shard, change("slow", 1));
  buffer.retry(take_one().ticket, at(100));
  buffer.push(shard, change("quick", 2));
  EXPECT_THAT(keys(take_all(99)), ElementsAre("quick"));
  EXPECT_EQ(buffer.next_retry(), at(100));
  EXPECT_EQ(buffer.ready(at(99)), 0u);
  EXPECT_EQ(buffer.ready(at(100)), 1u);
  EXPECT_THAT(keys(take_all(100)), ElementsAre("slow"));
  EXPECT_FALSE(buffer.next_retry());
}

TEST_F(ChangeBufferTest, WhatWasPostponedHasNotBeenTried) {
  buffer.push(shard, change("a", 1));
  buffer.postpone(take_one().ticket, at(100));
  const auto again = take_all(100);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again.front().attempts, 0);
  buffer.release(again.front().ticket);
  EXPECT_EQ(buffer.counters().released, 1u);
  EXPECT_EQ(buffer.counters().held(), 0u);
}

TEST_F(ChangeBufferTest, ARetriedChangeIsSupersededByThePendingOneWhichWaitsOutThePause) {
  buffer.push(shard, change("a", 1));
  const auto first = take_one();
  buffer.push(shard, change("a", 2));
  buffer.retry(first.ticket, at(100));
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_EQ(buffer.safe(shard), seq(1));
  EXPECT_THAT(take_all(99), IsEmpty());
  EXPECT_EQ(take_one(100).change->sequence(), seq(2));
}

TEST_F(ChangeBufferTest, APushDuringThePauseReplacesTheChangeButNotThePause) {
  buffer.push(shard, change("a", 1));
  buffer.retry(take_one().ticket, at(100));
  buffer.push(shard, change("a", 2));
  EXPECT_EQ(buffer.counters().superseded, 1u);
  EXPECT_THAT(take_all(99), IsEmpty());
  EXPECT_EQ(take_one(100).change->sequence(), seq(2));
}

TEST_F(ChangeBufferTest, AttemptsCountTheFailuresInARowOfTheKeyUntilAWriteSucceeds) {
  buffer.push(shard, change("a", 1));
  auto taken = take_one();
  EXPECT_EQ(taken.attempts, 0);
  buffer.retry(taken.ticket, at(1));
  buffer.push(shard, change("a", 2));
  taken = take_one(1);
  EXPECT_EQ(taken.attempts, 1) << "back-off goes on although the change is a newer one";
  buffer.retry(taken.ticket, at(2));
  taken = take_one(2);
  EXPECT_EQ(taken.attempts, 2);
  buffer.push(shard, change("a", 3));
  buffer.applied(taken.ticket);
  EXPECT_EQ(take_one(2).attempts, 0);
}

TEST_F(ChangeBufferTest, RipeRetriesComeInTheOrderOfTheirTimesBehindWhatWasReady) {
  for (int i = 0; const char* key : {"late", "soon", "soon too"}) buffer.push(shard, change(key, ++i));
  const auto taken = take_all();
  buffer.retry(taken[0].ticket, at(9));
  buffer.retry(taken[1].ticket, at(5));
  buffer.retry(taken[2].ticket, at(5));
  buffer.push(shard, change("ready", 4));
  EXPECT_EQ(buffer.ready(at(9)), 4u);
  EXPECT_THAT(keys(take_all(9)), ElementsAre("ready", "soon", "soon too", "late"));
}

TEST_F(ChangeBufferTest, ADeadLetteredChangeLetsTheWatermarkPassAndTheNextOneOfItsKeyCome) {
  buffer.push(shard, change("a", 1));
  const auto poison = take_one();
  buffer.push(shard, change("a", 2));
  buffer.dead_lettered(poison.ticket);
  EXPECT_EQ(buffer.safe(shard), seq(1));
  EXPECT_EQ(buffer.counters().dead_lettered, 1u);
  EXPECT_EQ(take_one().change->sequence(), seq(2));
}

TEST_F(ChangeBufferTest, AFilteredChangePassesAtOnceButNotBeforeAnOlderOpenOne) {
  buffer.push_filtered(shard, seq(1));
  EXPECT_EQ(buffer.safe(shard), seq(1));
  buffer.push(shard, change("a", 2));
  buffer.push_filtered(shard, seq(3));
  EXPECT_EQ(buffer.safe(shard), seq(1));
  EXPECT_EQ(buffer.outstanding(shard), 2u);
  buffer.applied(take_one().ticket);
  EXPECT_EQ(buffer.safe(shard), seq(3));
  EXPECT_EQ(buffer.counters().filtered, 2u);
  EXPECT_EQ(buffer.outstanding(shard), 0u);
}

TEST_F(ChangeBufferTest, TakesNoMoreThanTheLimitsSayButAlwaysOne) {
  for (int i = 1; i <= 5; ++i) buffer.push(shard, change("key" + std::to_string(i), i, std::string(96, 'x')));
  EXPECT_EQ(buffer.take(1, 1, at(0)).size(), 1u) << "one change larger than the limit";
  EXPECT_EQ(buffer.take(10, 299, at(0)).size(), 2u) << "100 bytes each";
  EXPECT_EQ(buffer.take(1, 1'000, at(0)).size(), 1u);
  EXPECT_THAT(buffer.take(0, 1'000, at(0)), IsEmpty());
  EXPECT_EQ(buffer.ready(at(0)), 1u);
}

TEST_F(ChangeBufferTest, CountsTheBytesOfHeldChangesExactly) {
  const auto big = change("a", 1, std::string(500, 'x'));
  const auto small = change("b", 2, "");
  const std::size_t big_bytes = big.footprint_bytes();
  buffer.push(shard, big);
  buffer.push(shard, small);
  EXPECT_GE(buffer.held_bytes(), big_bytes);
  const auto taken = take_all();
  EXPECT_GE(buffer.held_bytes(), big_bytes) << "a change in flight is still held";
  buffer.applied(taken[0].ticket);
  EXPECT_LT(buffer.held_bytes(), 250u);
  buffer.applied(taken[1].ticket);
  EXPECT_EQ(buffer.held_bytes(), 0u);
}

class ChangeBufferMissingSince : public ChangeBufferTest {
 protected:
  static model::Change made_at(std::string_view key, std::uint64_t n, int seconds) {
    return {key, "image", seq(n), WallTime{std::chrono::seconds{seconds}}};
  }
  [[nodiscard]] int missing_since() const {
    return static_cast<int>(buffer.missing_since().value_or(WallTime{}).time_since_epoch() / std::chrono::seconds(1));
  }
};

TEST_F(ChangeBufferMissingSince, IsNothingWhileNothingIsHeld) {
  EXPECT_FALSE(buffer.missing_since());
  buffer.push(shard, made_at("a", 1, 10));
  buffer.applied(take_one().ticket);
  EXPECT_FALSE(buffer.missing_since());
}

TEST_F(ChangeBufferMissingSince, IsTheTimeOfTheOldestChangeWhateverWasAppliedBefore) {
  buffer.push(shard, made_at("stuck", 1, 10));
  const auto stuck = take_one();
  buffer.push(shard, made_at("other", 2, 20));
  buffer.applied(take_one().ticket);
  buffer.push(shard, made_at("third", 3, 30));
  EXPECT_EQ(missing_since(), 10);
  buffer.applied(stuck.ticket);
  EXPECT_EQ(missing_since(), 30);
}

TEST_F(ChangeBufferMissingSince, StaysWhenAKeyThatIsNeverWrittenIsChangedAgainAndAgain) {
  buffer.push(shard, made_at("a", 1, 10));
  for (int i = 2; i < 9; ++i) {
    const auto taken = take_one(i);
    buffer.push(shard, made_at("a", static_cast<std::uint64_t>(2 * i), 10 * i));
    buffer.push(shard, made_at("a", static_cast<std::uint64_t>(2 * i + 1), 10 * i + 5));
    buffer.retry(taken.ticket, at(i));
    EXPECT_EQ(missing_since(), 10);
  }
  const auto taken = take_one(10);
  buffer.push(shard, made_at("a", 20, 100));
  buffer.push(shard, made_at("a", 21, 105));
  buffer.applied(taken.ticket);
  EXPECT_EQ(missing_since(), 100) << "what was superseded before it was taken is in the target now";
}

TEST(ChangeBufferRoom, EndsAtTheBytesAtTheChangesAndAtTheChangesThatNoWatermarkCovers) {
  ChangeBuffer by_bytes({.max_bytes = 1'000, .max_changes = 100, .max_uncovered = 100});
  const auto a = by_bytes.add_shard();
  EXPECT_TRUE(by_bytes.has_room());
  by_bytes.push(a, change("a", 1, std::string(1'000, 'x')));
  EXPECT_FALSE(by_bytes.has_room());

  ChangeBuffer by_changes({.max_bytes = 1'000'000, .max_changes = 2, .max_uncovered = 100});
  const auto b = by_changes.add_shard();
  by_changes.push(b, change("a", 1));
  EXPECT_TRUE(by_changes.has_room());
  by_changes.push(b, change("b", 2));
  EXPECT_FALSE(by_changes.has_room());

  ChangeBuffer by_watermark({.max_bytes = 1'000'000, .max_changes = 100, .max_uncovered = 3});
  const auto c = by_watermark.add_shard();
  by_watermark.push(c, change("slow", 1));
  const auto slow = by_watermark.take(1, kNoLimit, at(0)).front();
  by_watermark.push_filtered(c, seq(2));
  EXPECT_TRUE(by_watermark.has_room());
  by_watermark.push_filtered(c, seq(3));
  EXPECT_FALSE(by_watermark.has_room()) << "one held change, but two more wait behind it";
  by_watermark.applied(slow.ticket);
  EXPECT_TRUE(by_watermark.has_room());
}

TEST_F(ChangeBufferTest, AHandleIsReusedWithANewWatermark) {
  buffer.push_filtered(shard, seq(50));
  buffer.remove_shard(shard);
  const auto again = buffer.add_shard();
  EXPECT_EQ(again, shard);
  EXPECT_FALSE(buffer.safe(again));
  buffer.push_filtered(again, seq(1));
  EXPECT_EQ(buffer.safe(again), seq(1));
}

using ChangeBufferDeathTest = ChangeBufferTest;

TEST_F(ChangeBufferDeathTest, CrashesWhenATicketIsSettledTwice) {
  buffer.push(shard, change("a", 1));
  const auto taken = take_one();
  buffer.push(shard, change("a", 2));
  buffer.applied(taken.ticket);
  EXPECT_DEATH(buffer.applied(taken.ticket), "in_flight");
  (void)take_one();
  EXPECT_DEATH(buffer.applied(taken.ticket), "ticket") << "the key is in flight again, but with another change";
}

TEST_F(ChangeBufferDeathTest, CrashesWhenAShardWithOpenChangesIsRemoved) {
  buffer.push(shard, change("a", 1));
  EXPECT_DEATH(buffer.remove_shard(shard), "outstanding");
}

TEST_F(ChangeBufferDeathTest, CrashesOnAShardThatIsNotThere) { EXPECT_DEATH((void)buffer.safe(shard + 1), "holds"); }

TEST_F(ChangeBufferDeathTest, CrashesWhenAShardGoesBack) {
  buffer.push(shard, change("a", 2));
  EXPECT_DEATH(buffer.push(shard, change("b", 1)), "position");
}

/// What the buffer must do, said slowly: every change ever read, with its fate.
class SlowModel {
 public:
  struct Read {
    std::string key;
    ChangeBuffer::ShardHandle shard;
    std::uint64_t sequence;
    bool settled = false;
  };

  void read(Read change) { reads_.push_back(std::move(change)); }

  /// Whatever is older than a written, or replaced, change of its key needs no write any more.
  void settle(const std::string& key, std::uint64_t from, std::uint64_t to) {
    for (Read& read : reads_) read.settled |= read.key == key && from <= read.sequence && read.sequence <= to;
  }

  [[nodiscard]] bool has_newer(const std::string& key, std::uint64_t sequence) const {
    return std::any_of(reads_.begin(), reads_.end(),
                       [&](const Read& read) { return read.key == key && read.sequence > sequence; });
  }

  /// The last sequence before the shard's first unsettled change; 0 for none.
  [[nodiscard]] std::uint64_t safe(ChangeBuffer::ShardHandle shard) const {
    std::uint64_t safe = 0;
    for (const Read& read : reads_) {
      if (read.shard != shard) continue;
      if (!read.settled) break;
      safe = read.sequence;
    }
    return safe;
  }

  [[nodiscard]] std::size_t held() const {
    return static_cast<std::size_t>(
        std::count_if(reads_.begin(), reads_.end(), [](const Read& r) { return !r.settled; }));
  }

 private:
  std::vector<Read> reads_;
};

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(seed) {}

  void step() {
    ++step_;
    if (random_.chance(0.5)) {
      push();
    } else if (random_.chance(0.5)) {
      take();
    } else if (!in_flight_.empty()) {
      settle_one();
    }
  }

  void check() const {
    for (const auto shard : shards_) {
      const std::uint64_t expected = slow_.safe(shard);
      const auto& safe = buffer_.safe(shard);
      ASSERT_EQ(safe ? *safe : seq(0), seq(expected)) << "step " << step_;
    }
    ASSERT_EQ(buffer_.counters().held(), slow_.held()) << "step " << step_;
    ASSERT_EQ(buffer_.in_flight(), in_flight_.size()) << "step " << step_;
  }

 private:
  void push() {
    const std::string key = "key" + std::to_string(random_.below(8));
    const auto flying = in_flight_.find(key);
    const std::uint64_t first_replaced = flying == in_flight_.end() ? 0 : sequence_of(flying->second) + 1;
    slow_.settle(key, first_replaced, step_);
    const auto shard = shards_[random_.below(shards_.size())];
    slow_.read({key, shard, step_});
    buffer_.push(shard, change(key, step_));
  }

  void take() {
    for (const auto& one : buffer_.take(1 + random_.below(3), kNoLimit, now())) {
      const std::string key(one.change->key());
      EXPECT_TRUE(in_flight_.emplace(key, one).second) << "two of " << key << " in flight";
      EXPECT_LE(last_taken_[key], sequence_of(one)) << key << " went back";
      last_taken_[key] = sequence_of(one);
    }
  }

  void settle_one() {
    const auto which = std::next(in_flight_.begin(), static_cast<std::ptrdiff_t>(random_.below(in_flight_.size())));
    const auto [key, one] = *which;
    in_flight_.erase(which);
    const std::uint64_t sequence = sequence_of(one);
    if (random_.chance(0.4)) {
      if (slow_.has_newer(key, sequence)) slow_.settle(key, 0, sequence);
      buffer_.retry(one.ticket, now() + std::chrono::milliseconds{random_.below(30)});
    } else {
      slow_.settle(key, 0, sequence);
      buffer_.applied(one.ticket);
    }
  }

  [[nodiscard]] SteadyTime now() const { return at(static_cast<int>(step_)); }
  [[nodiscard]] static std::uint64_t sequence_of(const ChangeBuffer::InFlight& one) {
    return std::stoull(one.change->sequence().str());
  }

  Random random_;
  ChangeBuffer buffer_{ChangeBuffer::Options{}};
  std::vector<ChangeBuffer::ShardHandle> shards_{buffer_.add_shard(), buffer_.add_shard()};
  SlowModel slow_;
  std::map<std::string, ChangeBuffer::InFlight> in_flight_;
  std::map<std::string, std::uint64_t> last_taken_;
  std::uint64_t step_ = 0;
};

TEST(ChangeBufferRandomRun, AgreesWithTheSlowModelAtEveryStep) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomRun run(seed);
    for (int step = 0; step < 600; ++step) {
      run.step();
      ASSERT_NO_FATAL_FAILURE(run.check());
    }
  }
}

}  // namespace
}  // namespace dynamirror::ordering
