// SPDX-License-Identifier: Apache-2.0
// Goal: the rows of a lease table follow the shards of its stream, as every KCL that shares it expects.
// Method: steps over scripted tables and listings; a table applies the writes as the store does.
#include "jobs/replication/shard_sync.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "coordination/lease_rules.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseWrite;
using ordering::ShardGraph;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

model::Shard shard(const std::string& id, const std::string& parent = "", bool open = true) {
  model::Shard made{.id = ShardId(id), .parents = {}, .first_sequence = {}, .last_sequence = {}};
  if (!parent.empty()) made.parents.emplace_back(parent);
  made.first_sequence = *model::SequenceNumber::parse("100000000000000000001");
  if (!open) made.last_sequence = *model::SequenceNumber::parse("100000000000000000099");
  return made;
}

/// Ids begin with a time, as the service's do.
const std::string kParent = "shardId-00000000000000000001-aaaa";
const std::string kLeft = "shardId-00000000000000000002-bbbb";
const std::string kRight = "shardId-00000000000000000003-cccc";

/// A lease table, and one worker's view of what is to be done to it.
class Table {
 public:
  explicit Table(ShardGraph::InitialPosition start) : sync_(start) {}

  /// One step; its writes are applied in the order given. Returns it.
  ShardSync::Step step(std::vector<model::Shard> shards) {
    std::vector<Lease> rows;
    for (const auto& [key, lease] : rows_) rows.push_back(lease);
    auto step = sync_.step(rows, std::move(shards));
    EXPECT_TRUE(step) << (step ? "" : to_line(step.error()));
    for (const LeaseWrite& write : step->writes) apply(write);
    return *step;
  }

  /// Steps until nothing is left to do.
  void settle(const std::vector<model::Shard>& shards) {
    for (int i = 0; i < 20; ++i) {
      if (step(shards).complete) return;
    }
    ADD_FAILURE() << "never complete";
  }

  void set(Lease lease) { rows_.insert_or_assign(lease.key, std::move(lease)); }
  Lease& row(const std::string& key) { return rows_.at(key); }
  [[nodiscard]] std::map<std::string, std::string> checkpoints() const {
    std::map<std::string, std::string> all;
    for (const auto& [key, lease] : rows_) all.emplace(key, lease.checkpoint);
    return all;
  }
  /// Keys in the order in which their rows were made.
  std::vector<std::string> created;

 private:
  void apply(const LeaseWrite& write) {
    const auto at = rows_.find(write.key);
    const auto after =
        coordination::apply_write(write, at == rows_.end() ? std::nullopt : std::optional<Lease>(at->second));
    ASSERT_TRUE(after) << "a write of the step met no row it fits";
    if (write.kind == LeaseWrite::Kind::kCreate) created.push_back(write.key);
    if (after->lease) {
      rows_.insert_or_assign(write.key, *after->lease);
    } else {
      rows_.erase(write.key);
    }
  }

  ShardSync sync_;
  std::map<std::string, Lease> rows_;
};

std::vector<model::Shard> family() {
  return {shard(kRight, kParent), shard(kParent, "", false), shard(kLeft, kParent)};
}

TEST(ShardSync, AnEmptyTableAtTrimHorizonGetsParentsBeforeChildren) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  const auto first = table.step(family());
  ASSERT_EQ(first.writes.size(), 1u) << "a child without its parent's row would be read at once";
  EXPECT_FALSE(first.complete);
  table.settle(family());
  EXPECT_THAT(table.checkpoints(),
              ElementsAre(Pair(kParent, "TRIM_HORIZON"), Pair(kLeft, "TRIM_HORIZON"), Pair(kRight, "TRIM_HORIZON")));
  EXPECT_EQ(table.created.front(), kParent);
  EXPECT_THAT(table.row(kLeft).parents, ElementsAre(kParent));
  EXPECT_EQ(table.row(kLeft).counter, 0u);
  EXPECT_TRUE(table.row(kLeft).owner.empty());
}

TEST(ShardSync, AParentThatOneListingLeavesOutIsWaitedFor) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  const auto first = table.step({shard(kLeft, kParent)});
  EXPECT_THAT(first.writes, IsEmpty()) << "the child would be read before its parent";
  EXPECT_FALSE(first.complete);
  table.settle(family());
  EXPECT_EQ(table.created.front(), kParent);
}

TEST(ShardSync, AParentThatTurnsUpWithAParentInDoubtIsWaitedFor) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  const std::string grandparent = "shardId-00000000000000000000-0000";
  const std::vector<model::Shard> whole = {shard(kLeft, kParent), shard(kParent, grandparent, false)};
  (void)table.step({shard(kLeft, kParent)});
  (void)table.step(whole);
  EXPECT_THAT(table.created, IsEmpty());
  table.settle(whole);
  EXPECT_EQ(table.created.front(), kParent);
}

TEST(ShardSync, AParentThatTwoListingsDoNotShowIsTrimmed) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  (void)table.step({shard(kLeft, kParent), shard(kRight, kParent)});
  EXPECT_THAT(table.created, IsEmpty());
  table.settle({shard(kLeft, kParent), shard(kRight, kParent)});
  EXPECT_THAT(table.created, UnorderedElementsAre(kLeft, kRight));
}

TEST(ShardSync, AMergedShardGetsItsLeaseAfterBothParentsWithItsHashKeys) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  auto left = shard("shardId-000000000000", "", false);
  left.hash_keys = model::HashKeyRange{"0", "9"};
  auto right = shard("shardId-000000000001", "", false);
  right.hash_keys = model::HashKeyRange{"10", "19"};
  auto merged = shard("shardId-000000000002", left.id.str());
  merged.parents.push_back(right.id);
  merged.hash_keys = model::HashKeyRange{"0", "19"};
  table.set({.key = left.id.str(), .counter = 3, .checkpoint = "SHARD_END"});
  const auto first = table.step({merged, right, left});
  ASSERT_EQ(first.writes.size(), 1u) << "with a parent without a lease it would be read at once";
  EXPECT_EQ(first.writes[0].key, right.id.str());
  table.settle({merged, right, left});
  EXPECT_THAT(table.row(merged.id.str()).parents, ElementsAre(left.id.str(), right.id.str()));
  EXPECT_EQ(table.row(merged.id.str()).hash_keys, merged.hash_keys);
  EXPECT_EQ(table.row(right.id.str()).hash_keys, right.hash_keys);
}

TEST(ShardSync, AnEmptyTableAtLatestGetsTheOpenShardsAlone) {
  Table table(ShardGraph::InitialPosition::kLatest);
  table.settle(family());
  EXPECT_THAT(table.checkpoints(), ElementsAre(Pair(kLeft, "LATEST"), Pair(kRight, "LATEST")));
}

TEST(ShardSync, ChildrenOfALeasedShardStartAtTrimHorizonEvenAtLatest) {
  Table table(ShardGraph::InitialPosition::kLatest);
  table.set({.key = kParent, .counter = 4, .checkpoint = "100000000000000000050"});
  table.settle(family());
  EXPECT_THAT(table.checkpoints(), ElementsAre(Pair(kParent, "100000000000000000050"), Pair(kLeft, "TRIM_HORIZON"),
                                               Pair(kRight, "TRIM_HORIZON")));
}

TEST(ShardSync, AStartAtLatestThatIsHalfDoneGoesOnAsItBegan) {
  Table table(ShardGraph::InitialPosition::kLatest);
  table.set({.key = kLeft, .checkpoint = "LATEST", .parents = {kParent}});  // another worker is making the rest
  table.settle(family());
  EXPECT_THAT(table.checkpoints(), ElementsAre(Pair(kLeft, "LATEST"), Pair(kRight, "LATEST")));
}

TEST(ShardSync, AFinishedLeaseWithoutChildRowsGetsThem) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  table.set({.key = kParent, .owner = "w", .counter = 9, .checkpoint = "SHARD_END"});
  table.settle(family());
  EXPECT_THAT(table.checkpoints(),
              ElementsAre(Pair(kParent, "SHARD_END"), Pair(kLeft, "TRIM_HORIZON"), Pair(kRight, "TRIM_HORIZON")));
  EXPECT_THAT(table.row(kParent).children, UnorderedElementsAre(kLeft, kRight)) << "KCL adapter 2.2 asks for them";
  EXPECT_EQ(table.row(kParent).counter, 9u);
}

TEST(ShardSync, AParentStillListedOpenBesideItsChildIsClosed) {
  Table table(ShardGraph::InitialPosition::kLatest);
  const std::vector<model::Shard> inconsistent{shard(kParent), shard(kLeft, kParent)};
  table.settle(inconsistent);
  EXPECT_THAT(table.checkpoints(), ElementsAre(Pair(kLeft, "LATEST")));
}

TEST(ShardSync, AChildWhoseParentWasTrimmedIsLeasedAlone) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  const std::vector<model::Shard> without_parent{shard(kLeft, kParent)};
  table.settle(without_parent);
  EXPECT_THAT(table.checkpoints(), ElementsAre(Pair(kLeft, "TRIM_HORIZON")));
}

TEST(ShardSync, RemovesAFinishedLeaseOnlyWhenItsShardIsGoneAndItsChildrenHaveBegun) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  table.set({.key = kParent, .counter = 9, .checkpoint = "SHARD_END", .children = {kLeft, kRight}});
  table.set({.key = kLeft, .checkpoint = "TRIM_HORIZON", .parents = {kParent}});
  table.set({.key = kRight, .checkpoint = "100000000000000000002", .parents = {kParent}});
  const std::vector<model::Shard> trimmed{shard(kLeft, kParent), shard(kRight, kParent)};
  for (int i = 0; i < 3; ++i) (void)table.step(trimmed);
  EXPECT_TRUE(table.checkpoints().contains(kParent)) << "a child has not begun";

  table.row(kLeft).checkpoint = "100000000000000000002";
  Table again = table;
  (void)again.step(family());
  EXPECT_TRUE(again.checkpoints().contains(kParent)) << "the shard was listed again";
  (void)table.step(trimmed);
  (void)table.step(trimmed);
  EXPECT_THAT(table.checkpoints(),
              ElementsAre(Pair(kLeft, "100000000000000000002"), Pair(kRight, "100000000000000000002")));
}

TEST(ShardSync, NeverRemovesWhatIsNotFinished) {
  Table table(ShardGraph::InitialPosition::kTrimHorizon);
  table.set({.key = kParent, .counter = 9, .checkpoint = "100000000000000000050"});
  for (int i = 0; i < 5; ++i) {
    const std::vector<model::Shard> other{shard(kRight)};
    (void)table.step(other);
  }
  EXPECT_TRUE(table.checkpoints().contains(kParent)) << "its reader finds out what became of the shard";
}

TEST(ShardSync, ARowWithACheckpointOfAnotherKindIsAnErrorThatNamesIt) {
  ShardSync sync(ShardGraph::InitialPosition::kTrimHorizon);
  const std::vector<Lease> rows{{.key = kParent, .checkpoint = "AT_MIDNIGHT"}};
  const auto step = sync.step(rows, {shard(kParent)});
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().error_class, ErrorClass::kInvalid);
  EXPECT_THAT(to_line(step.error()), testing::AllOf(testing::HasSubstr(kParent), testing::HasSubstr("AT_MIDNIGHT")));
}

}  // namespace
}  // namespace dynamirror::jobs
