// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/shard_sync.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseWrite;

Result<model::ShardCheckpoint> checkpoint_of(const Lease& row) {
  auto checkpoint = model::parse_checkpoint(row.checkpoint);
  if (!checkpoint) {
    return failure(ErrorClass::kInvalid, "read lease", row.key,
                   "\"" + row.checkpoint +
                       "\" is no checkpoint that dynamirror knows; `dynamirror leases reset` can "
                       "set it to TRIM_HORIZON");
  }
  std::vector<ShardId> parents;
  for (const std::string& parent : row.parents) parents.emplace_back(parent);
  return model::ShardCheckpoint{
      .shard = ShardId(row.key), .parents = std::move(parents), .checkpoint = std::move(*checkpoint)};
}

/// Leases of shards whose parents have theirs, need none, or are surely trimmed.
std::vector<LeaseWrite> creations(const std::vector<model::ShardCheckpoint>& wanted, const ordering::ShardGraph& graph,
                                  const std::vector<model::Shard>& shards) {
  std::unordered_set<ShardId> missing;
  for (const model::ShardCheckpoint& row : wanted) missing.insert(row.shard);
  std::unordered_map<ShardId, const model::Shard*> by_id;
  for (const model::Shard& shard : shards) by_id.emplace(shard.id, &shard);
  std::vector<LeaseWrite> writes;
  for (const model::ShardCheckpoint& row : wanted) {
    const bool early =
        std::ranges::any_of(row.parents, [&](const ShardId& parent) { return missing.contains(parent); });
    if (early || graph.parent_in_doubt(row.shard)) continue;
    LeaseWrite write{.kind = LeaseWrite::Kind::kCreate, .key = row.shard.str()};
    write.checkpoint = model::to_string(row.checkpoint);
    for (const ShardId& parent : row.parents) write.parents.push_back(parent.str());
    if (const auto listed = by_id.find(row.shard); listed != by_id.end()) write.hash_keys = listed->second->hash_keys;
    writes.push_back(std::move(write));
  }
  return writes;
}

std::vector<LeaseWrite> missing_children(std::span<const Lease> rows, const std::vector<model::Shard>& shards) {
  std::unordered_map<std::string, std::vector<std::string>> children;
  for (const model::Shard& shard : shards) {
    for (const ShardId& parent : shard.parents) children[parent.str()].push_back(shard.id.str());
  }
  std::vector<LeaseWrite> writes;
  for (const Lease& row : rows) {
    if (!row.done() || !row.children.empty() || !children.contains(row.key)) continue;
    LeaseWrite write{.kind = LeaseWrite::Kind::kSetChildren, .key = row.key};
    write.children = children[row.key];
    writes.push_back(std::move(write));
  }
  return writes;
}

std::vector<LeaseWrite> removals(std::span<const Lease> rows, const std::vector<ShardId>& forgettable) {
  std::unordered_map<std::string, const Lease*> by_key;
  for (const Lease& row : rows) by_key.emplace(row.key, &row);
  std::vector<LeaseWrite> writes;
  for (const ShardId& shard : forgettable) {
    const Lease& row = *by_key.at(shard.str());
    const bool parents_gone =
        std::ranges::none_of(row.parents, [&](const std::string& parent) { return by_key.contains(parent); });
    if (!row.done() || !parents_gone) continue;
    writes.push_back({.kind = LeaseWrite::Kind::kDelete, .key = row.key, .counter = row.counter});
  }
  return writes;
}

/// KCL's rule for a start at LATEST, shard by shard: without the lease of an ancestor, an open shard begins at LATEST
/// and a closed one is not read. That rows are there says nothing: others may be making them at this moment.
std::vector<model::ShardCheckpoint> at_latest(std::vector<model::ShardCheckpoint> wanted, std::span<const Lease> rows,
                                              const std::vector<model::Shard>& shards) {
  std::unordered_set<std::string> leased;
  for (const Lease& row : rows) leased.insert(row.key);
  std::unordered_map<std::string, const model::Shard*> by_id;
  std::unordered_set<std::string> has_child;
  for (const model::Shard& shard : shards) {
    by_id.emplace(shard.id.str(), &shard);
    for (const ShardId& parent : shard.parents) has_child.insert(parent.str());
  }
  const auto has_leased_ancestor = [&](const std::string& id) {
    std::unordered_set<std::string> seen{id};  // a listing may hold a circle
    std::vector<std::string> open{id};
    while (!open.empty()) {
      const auto shard = by_id.find(open.back());
      open.pop_back();
      if (shard == by_id.end()) continue;
      for (const ShardId& parent : shard->second->parents) {
        if (leased.contains(parent.str())) return true;
        if (seen.insert(parent.str()).second) open.push_back(parent.str());
      }
    }
    return false;
  };
  std::erase_if(wanted, [&](model::ShardCheckpoint& row) {
    if (has_leased_ancestor(row.shard.str())) return false;
    row.checkpoint = model::Latest{};
    const auto shard = by_id.find(row.shard.str());
    return shard != by_id.end() && (!shard->second->open() || has_child.contains(row.shard.str()));
  });
  return wanted;
}

}  // namespace

Result<ShardSync::Step> ShardSync::step(std::span<const Lease> rows, std::vector<model::Shard> shards) {
  std::vector<model::ShardCheckpoint> checkpoints;
  for (const Lease& row : rows) {
    auto checkpoint = checkpoint_of(row);
    if (!checkpoint) return std::unexpected(std::move(checkpoint.error()));
    checkpoints.push_back(std::move(*checkpoint));
  }
  listings_.push_back(std::move(shards));
  if (listings_.size() > 2) listings_.erase(listings_.begin());
  // Others write to the table, too, so what the graph knew the last time is nothing to build on: only listings are.
  ordering::ShardGraph graph(start_, std::move(checkpoints));
  for (const auto& listing : listings_) graph.observe(listing, true);

  Step step;
  auto wanted = graph.take_new_rows();
  if (start_ == ordering::ShardGraph::InitialPosition::kLatest) {
    wanted = at_latest(std::move(wanted), rows, listings_.back());
  }
  step.writes = creations(wanted, graph, listings_.back());
  if (wanted.empty()) {
    step.writes = missing_children(rows, listings_.back());
    (void)graph.take_readable();
    std::ranges::move(removals(rows, graph.take_forgettable()), std::back_inserter(step.writes));
    step.complete = !graph.wants_listing();
  }
  return step;
}

}  // namespace dynamirror::jobs
