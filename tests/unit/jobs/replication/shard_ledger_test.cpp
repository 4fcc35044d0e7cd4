// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/shard_ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "state/memory_store.hpp"

namespace dynamirror::jobs {
namespace {

using model::AtTimestamp;
using model::Checkpoint;
using Loss = source::ChangeStream::Loss;

const StreamArn kStream("stream");
const WallTime kMoment{std::chrono::seconds(1'700'000'000)};

ShardLedger ledger(Checkpoint beginning) {
  return ShardLedger({.arn = kStream, .retention = std::chrono::hours(24), .beginning = std::move(beginning)},
                     system_clock(), {});
}

void save(ShardLedger& ledger, state::CheckpointStore& store) {
  const auto save = ledger.begin_save();
  ASSERT_TRUE(save);
  ledger.save_ended(ShardLedger::carry_out(*save, store).has_value());
}

model::Shard shard(const std::string& id, std::vector<ShardId> parents = {}) {
  model::Shard made;
  made.id = ShardId(id);
  made.parents = std::move(parents);
  return made;
}

/// The shards that may be read after one complete listing.
std::vector<ShardLedger::Readable> list(ShardLedger& ledger, state::CheckpointStore& store,
                                        std::vector<model::Shard> shards) {
  EXPECT_TRUE(ledger.restore(store));
  ledger.listing_begins();
  ledger.listed(shards, true, true);
  if (!ledger.all_saved()) save(ledger, store);
  return ledger.take_readable();
}

TEST(ShardLedger, BeginsAtTheMomentThatTheFirstStartNamed) {
  state::MemoryStore store;
  const model::Shard first = shard("shard-1");
  {
    ShardLedger fresh = ledger(AtTimestamp{kMoment});
    const auto readable = list(fresh, store, {first});
    ASSERT_EQ(readable.size(), 1u);
    EXPECT_EQ(readable[0].from, Checkpoint(AtTimestamp{kMoment}));
  }
  const auto rows = store.load(kStream);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().checkpoint, Checkpoint(AtTimestamp{kMoment})) << "durable before the first record is read";

  // Killed before it read anything, and started again with another word: what came meanwhile is not passed over.
  ShardLedger again = ledger(AtTimestamp{kMoment + std::chrono::hours(1)});
  const auto readable = list(again, store, {first});
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_EQ(readable[0].from, Checkpoint(AtTimestamp{kMoment}));
}

TEST(ShardLedger, ReadsChildrenFromTheirOldestRecord) {
  state::MemoryStore store;
  const model::Shard parent = shard("shard-1");
  ShardLedger fresh = ledger(AtTimestamp{kMoment});
  ASSERT_EQ(list(fresh, store, {parent}).size(), 1u);
  const model::Shard child = shard("shard-2", {parent.id});
  fresh.listed(std::vector<model::Shard>{parent, child}, true, true);
  fresh.retire(parent.id, Loss::kNone);
  save(fresh, store);
  const auto readable = fresh.take_readable();
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_EQ(readable[0].from, Checkpoint(model::TrimHorizon{}));
}

/// One shard that is being read, with its row saved.
struct Reading {
  state::MemoryStore store;
  const model::Shard parent = shard("shard-1");
  const model::Shard child = shard("shard-2", {parent.id});
  ShardLedger fresh = ledger(model::TrimHorizon{});

  Reading() { EXPECT_EQ(list(fresh, store, {parent}).size(), 1u); }
  void safe(std::uint64_t sequence) {
    const std::vector<SafeShard> shards{{.shard = parent.id, .sequence = model::SequenceNumber::of(sequence)}};
    fresh.save(shards);
  }
  [[nodiscard]] Checkpoint durable() const { return of(parent.id); }
  [[nodiscard]] Checkpoint of(const ShardId& id) const {
    state::MemoryStore copy = store;
    const auto rows = copy.load(kStream).value();
    const auto row = std::ranges::find(rows, id, &model::ShardCheckpoint::shard);
    return row == rows.end() ? Checkpoint(model::Latest{}) : row->checkpoint;
  }
};

TEST(ShardLedger, HasOneSaveUnderWayAndJoinsWhatIsSaidMeanwhile) {
  Reading reading;
  reading.safe(1);
  const auto first = reading.fresh.begin_save();
  ASSERT_TRUE(first);
  reading.safe(2);
  reading.safe(3);
  EXPECT_FALSE(reading.fresh.begin_save()) << "the first is under way";
  ASSERT_TRUE(ShardLedger::carry_out(*first, reading.store));
  reading.fresh.save_ended(true);
  EXPECT_EQ(reading.durable(), Checkpoint(model::AfterSequence{model::SequenceNumber::of(1)}));
  save(reading.fresh, reading.store);
  EXPECT_EQ(reading.durable(), Checkpoint(model::AfterSequence{model::SequenceNumber::of(3)}));
  EXPECT_TRUE(reading.fresh.all_saved());
}

TEST(ShardLedger, ASaveThatFailedIsMadeUpForByTheNextOneWithWhatIsNewer) {
  Reading reading;
  reading.safe(1);
  reading.fresh.listed(std::vector<model::Shard>{reading.parent, reading.child}, true, true);
  ASSERT_TRUE(reading.fresh.begin_save());
  reading.safe(2);
  reading.fresh.save_ended(false);
  EXPECT_FALSE(reading.fresh.all_saved());
  save(reading.fresh, reading.store);
  EXPECT_EQ(reading.durable(), Checkpoint(model::AfterSequence{model::SequenceNumber::of(2)}));
  EXPECT_EQ(reading.of(reading.child.id), Checkpoint(model::TrimHorizon{})) << "the row of the child waited, too";
}

TEST(ShardLedger, AChildIsReadableOnceTheEndOfItsParentAndItsOwnRowAreDurable) {
  Reading reading;
  reading.fresh.retire(reading.parent.id, Loss::kNone);
  const auto end = reading.fresh.begin_save();
  reading.fresh.listed(std::vector<model::Shard>{reading.parent, reading.child}, true, true);
  EXPECT_TRUE(reading.fresh.retiring(reading.parent.id));
  EXPECT_TRUE(reading.fresh.take_readable().empty()) << "the end is not durable";
  ASSERT_TRUE(ShardLedger::carry_out(*end, reading.store));
  reading.fresh.save_ended(true);
  EXPECT_FALSE(reading.fresh.retiring(reading.parent.id));
  EXPECT_TRUE(reading.fresh.take_readable().empty()) << "the child's row is not durable";
  save(reading.fresh, reading.store);
  EXPECT_EQ(reading.fresh.take_readable().size(), 1u);
}

}  // namespace
}  // namespace dynamirror::jobs
