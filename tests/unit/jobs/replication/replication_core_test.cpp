// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a replication decides about a shard where the simulation does not go: pages out of order, lost records, a
// revocation that overtakes a page. Method: the core on its own; the rights of the process are scripted.
#include "jobs/replication/replication_core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dynamirror::jobs {
namespace {

using ::testing::HasSubstr;
using Loss = source::ChangeStream::Loss;
using Next = ReplicationCore::Next;

class Rights final : public ShardRights {
 public:
  bool promises = true;
  std::optional<SteadyTime> until = kNoDeadline;

  [[nodiscard]] bool promised(const ShardId&, const model::Checkpoint&) const override { return promises; }
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId&) const override { return until; }
  [[nodiscard]] bool shares() const override { return true; }
};

source::ShardReader::Page page(std::vector<std::uint64_t> numbers, bool ended = false) {
  source::ShardReader::Page made{.changes = {}, .shard_ended = ended, .empty_answers = numbers.empty() ? 4u : 0u};
  for (const std::uint64_t number : numbers) {
    made.changes.emplace_back("key" + std::to_string(number), "image", model::SequenceNumber::of(number), WallTime{});
  }
  return made;
}

struct ReplicationCoreTest : ::testing::Test {
  ManualClock clock;
  Random random{1};
  Rights rights;
  WriteCore writes{{.target = "the target", .dead_letters = nullptr, .clock = clock, .random = random}, {}, {}};
  const Error gone{
      .error_class = ErrorClass::kNotFound, .doing = "read", .resource = "it", .code = "Trimmed", .message = "gone"};

  static ReplicationCore::Shard& begin(ReplicationCore& core) {
    return core.start({.shard = ShardId("shardId-1"), .from = model::TrimHorizon{}, .parents = {}});
  }
  /// Writes everything that may be written.
  void write_all() {
    while (const auto batch = writes.take({})) {
      const std::vector<sink::Outcome> outcomes(batch->changes.size(), sink::Applied{});
      EXPECT_FALSE(writes.settle(*batch, outcomes).failure);
    }
  }
};

TEST_F(ReplicationCoreTest, APageThatGoesBackEndsTheJobBeforeAnythingOfItIsWritten) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  ASSERT_FALSE(core.page_arrived(shard, page({1, 5}), {}));
  const auto failure = core.page_arrived(shard, page({5, 6}), {});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, Reason::kBug);
  EXPECT_THAT(failure->error.message, HasSubstr("record 5 after 5"));
  EXPECT_EQ(writes.counters().read, 2u);
}

class NoKeys final : public sink::Quarantine {
 public:
  [[nodiscard]] bool quarantined(std::string_view) const override { return false; }
  [[nodiscard]] std::size_t keys() const override { return 0; }
  [[nodiscard]] std::string describe() const override { return "the file"; }
};

TEST_F(ReplicationCoreTest, ARecordThatIsNoChangeIsADeadLetterAndTheShardGoesOn) {
  const NoKeys letters;
  WriteCore core_writes({.target = "the target", .dead_letters = &letters, .clock = clock, .random = random}, {}, {});
  ReplicationCore core(core_writes, rights, {});
  auto& shard = begin(core);
  const auto record = [](std::uint64_t number) {
    return model::UnreadableRecord{
        .sequence = model::SequenceNumber::of(number), .arrived = {}, .reason = "no Keys", .data = "bytes"};
  };
  auto mixed = page({2, 5});
  mixed.unreadable = {record(1), record(3), record(4), record(9)};
  const auto kept = core_writes.letters_for(shard.handle, mixed.unreadable);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 4u);
  EXPECT_EQ((*kept)[1].record, "bytes");
  EXPECT_EQ((*kept)[1].change.sequence(), model::SequenceNumber::of(3));
  EXPECT_EQ((*kept)[1].shard, shard.id);
  EXPECT_EQ((*kept)[1].error.message, "no Keys");
  ASSERT_FALSE(core.page_arrived(shard, std::move(mixed), {}));
  EXPECT_EQ(core_writes.safe(shard.handle), model::SequenceNumber::of(1)) << "the change behind it is not written";
  const auto batch = core_writes.take({});
  ASSERT_EQ(batch->changes.size(), 2u);
  const std::vector<sink::Outcome> outcomes(2, sink::Applied{});
  EXPECT_FALSE(core_writes.settle(*batch, outcomes).failure);
  EXPECT_EQ(core_writes.safe(shard.handle), model::SequenceNumber::of(9));
  const auto& counters = core_writes.counters();
  EXPECT_EQ(counters.read, 6u);
  EXPECT_EQ(counters.dead_lettered, 4u);
  EXPECT_EQ(counters.held(), 0u);

  source::ShardReader::Page back = page({});
  back.unreadable = {record(9)};
  EXPECT_EQ(core.page_arrived(shard, back, {})->reason, Reason::kBug) << "it goes back";
}

TEST_F(ReplicationCoreTest, ARecordThatIsNoChangeEndsTheJobWhereNothingKeepsIt) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  auto bad = page({});
  bad.unreadable.push_back(
      {.sequence = model::SequenceNumber::of(3), .arrived = {}, .reason = "no Keys", .data = "bytes"});
  const auto letters = writes.letters_for(shard.handle, bad.unreadable);
  ASSERT_FALSE(letters);
  EXPECT_EQ(letters.error().reason, Reason::kPoison);
  EXPECT_THAT(letters.error().error.message, HasSubstr("no Keys; of shard shardId-1, record 3"));
}

TEST_F(ReplicationCoreTest, APageThatARevocationOvertookIsNotPushed) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  core.revoke(shard.id, true);
  EXPECT_FALSE(core.page_arrived(shard, page({1}, true), {}));
  EXPECT_EQ(writes.counters().read, 0u);
  EXPECT_EQ(core.at_rest(shard), Next::kGiveBack);
}

TEST_F(ReplicationCoreTest, AShardThatIsLostWhileItWindsDownIsDroppedAndNotSaved) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  ASSERT_FALSE(core.page_arrived(shard, page({1, 2}), {}));
  core.revoke(shard.id, true);
  core.revoke(shard.id, false);
  core.revoke(shard.id, true);  // no way back
  EXPECT_EQ(core.at_rest(shard), std::nullopt) << "what was read of it is still held";
  write_all();
  EXPECT_EQ(writes.counters().released, 2u);
  EXPECT_EQ(core.at_rest(shard), Next::kDrop);
  EXPECT_TRUE(core.take_safe().empty());
}

TEST_F(ReplicationCoreTest, LostRecordsEndTheJobUnlessNobodyWasPromisedThem) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  rights.promises = false;
  EXPECT_FALSE(core.cannot_read_on(shard, gone, Loss::kRecords));
  EXPECT_EQ(core.at_rest(shard), Next::kRetire);
  EXPECT_EQ(shard.lost, Loss::kRecords);

  rights.promises = true;
  auto& other = begin(core);
  ASSERT_FALSE(core.page_arrived(other, page({7}), {}));
  const auto failure = core.cannot_read_on(other, gone, Loss::kRecords);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, Reason::kTrimmed);
  EXPECT_THAT(failure->error.message, HasSubstr("after 7 are gone"));
}

TEST_F(ReplicationCoreTest, WhereThePolicySaysSoLostRecordsAreSkippedOnceWhatCameBeforeIsWritten) {
  ReplicationCore core(writes, rights, {.on_trim = ReplicateOptions::OnTrim::kContinue});
  auto& shard = begin(core);
  ASSERT_FALSE(core.page_arrived(shard, page({7}), {}));
  EXPECT_FALSE(core.cannot_read_on(shard, gone, Loss::kShard));
  EXPECT_EQ(core.at_rest(shard), std::nullopt);
  write_all();
  EXPECT_EQ(core.at_rest(shard), Next::kRetire);
}

TEST_F(ReplicationCoreTest, WhatIsSafeIsToldOnceAndNothingOfAShardThatRetires) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  ASSERT_FALSE(core.page_arrived(shard, page({1, 2}), {}));
  EXPECT_TRUE(core.take_safe().empty());
  write_all();
  EXPECT_EQ(core.take_safe().size(), 1u);
  EXPECT_TRUE(core.take_safe().empty());
  ASSERT_FALSE(core.page_arrived(shard, page({3}, true), {}));
  write_all();
  ASSERT_EQ(core.at_rest(shard), Next::kRetire);
  core.retire(shard);
  EXPECT_TRUE(core.take_safe().empty()) << "it would follow the shard's end into the store";
}

TEST_F(ReplicationCoreTest, HasCaughtUpOnlyAfterEmptyAnswersThatFollowAListing) {
  ReplicationCore core(writes, rights, {});
  auto& shard = begin(core);
  EXPECT_FALSE(core.caught_up(true));
  ASSERT_FALSE(core.page_arrived(shard, page({}), {}));
  EXPECT_TRUE(core.caught_up(true));
  EXPECT_FALSE(core.caught_up(false)) << "shards are not all started";
  core.listed_anew();
  EXPECT_FALSE(core.confirmed());
  auto later = page({});
  later.empty_answers = 7;
  ASSERT_FALSE(core.page_arrived(shard, std::move(later), {}));
  EXPECT_TRUE(core.confirmed());
}

}  // namespace
}  // namespace dynamirror::jobs
