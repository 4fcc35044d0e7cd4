// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/shard_ledger.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "state/memory_store.hpp"

namespace dynamirror::jobs {
namespace {

using model::AtTimestamp;
using model::Checkpoint;

const StreamArn kStream("stream");
const WallTime kMoment{std::chrono::seconds(1'700'000'000)};

ShardLedger ledger(state::CheckpointStore& store, Checkpoint beginning) {
  return ShardLedger({.arn = kStream, .retention = std::chrono::hours(24), .beginning = std::move(beginning)}, store,
                     system_clock(), {});
}

model::Shard shard(const std::string& id, std::vector<ShardId> parents = {}) {
  model::Shard made;
  made.id = ShardId(id);
  made.parents = std::move(parents);
  return made;
}

/// The shards that may be read after one complete listing.
std::vector<ordering::ShardGraph::Readable> list(ShardLedger& ledger, std::vector<model::Shard> shards) {
  EXPECT_TRUE(ledger.restore());
  ledger.listing_begins();
  EXPECT_TRUE(ledger.listed(shards, true, true));
  return ledger.take_readable();
}

TEST(ShardLedger, BeginsAtTheMomentThatTheFirstStartNamed) {
  state::MemoryStore store;
  const model::Shard first = shard("shard-1");
  {
    ShardLedger fresh = ledger(store, AtTimestamp{kMoment});
    const auto readable = list(fresh, {first});
    ASSERT_EQ(readable.size(), 1u);
    EXPECT_EQ(readable[0].from, Checkpoint(AtTimestamp{kMoment}));
  }
  const auto rows = store.load(kStream);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().checkpoint, Checkpoint(AtTimestamp{kMoment})) << "durable before the first record is read";

  // Killed before it read anything, and started again with another word: what came meanwhile is not passed over.
  ShardLedger again = ledger(store, AtTimestamp{kMoment + std::chrono::hours(1)});
  const auto readable = list(again, {first});
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_EQ(readable[0].from, Checkpoint(AtTimestamp{kMoment}));
}

TEST(ShardLedger, ReadsChildrenFromTheirOldestRecord) {
  state::MemoryStore store;
  const model::Shard parent = shard("shard-1");
  ShardLedger fresh = ledger(store, AtTimestamp{kMoment});
  ASSERT_EQ(list(fresh, {parent}).size(), 1u);
  const model::Shard child = shard("shard-2", {parent.id});
  ASSERT_TRUE(fresh.listed(std::vector<model::Shard>{parent, child}, true, true));
  ASSERT_TRUE(fresh.retire(parent.id, source::ChangeStream::Loss::kNone));
  const auto readable = fresh.take_readable();
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_EQ(readable[0].from, Checkpoint(model::TrimHorizon{}));
}

}  // namespace
}  // namespace dynamirror::jobs
