// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordination/lease.hpp"
#include "sim/lease_shards.hpp"

namespace dynamirror::sim {

/// What must be true whoever owns what, judged from the truth. The first violation is kept.
class LeaseInvariants {
 public:
  using GrantId = std::uint64_t;
  using Version = std::uint64_t;

  /// `exclusive`: all workers are ours, so that order is promised.
  LeaseInvariants(const LeaseShards& shards, bool exclusive) : shards_(shards), exclusive_(exclusive) {}

  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
  void trouble(const std::string& what) {
    if (!violation_) violation_ = what;
  }

  // ---- work

  /// A worker begins to work on a shard; `may_write`: whether it may send a write at this moment. `in_order`: it is one
  /// that waits for parents.
  [[nodiscard]] GrantId granted(std::size_t shard, bool ours, std::function<bool()> may_write, bool in_order = true) {
    State& state = state_of(shard);
    const GrantId id = ++last_grant_;
    for (const std::size_t parent : shards_[shard].parents) {
      if (in_order && !state_of(parent).finished)
        trouble(name(shard) + " begun before its parent " + name(parent) + " is finished");
    }
    if (state.finished) trouble(name(shard) + " begun after it was finished");
    for (const Grant& other : state.grants) {
      if (!ours || !other.ours) continue;
      if (other.in_flight > 0) trouble(name(shard) + " granted while a write of its last owner is on its way");
      if (!other.ended && other.may_write()) trouble(name(shard) + " granted while its last owner may write");
    }
    state.grants.push_back({.id = id, .ours = ours, .may_write = std::move(may_write)});
    state.latest = id;
    if (ours) state.latest_ours = id;
    return id;
  }

  void ended(std::size_t shard, GrantId id) {
    change(shard, id, [](Grant& grant) { grant.ended = true; });
  }
  /// A write that will land.
  void sent(std::size_t shard, GrantId id) {
    change(shard, id, [](Grant& grant) { ++grant.in_flight; });
  }

  void landed(std::size_t shard, GrantId id, std::size_t record, bool ours) {
    change(shard, id, [](Grant& grant) { --grant.in_flight; });
    State& state = state_of(shard);
    if (ours && id < state.latest_ours) trouble(name(shard) + " written after another worker was granted it");
    const auto& [key, version] = shards_[shard].records[record];
    Target& target = targets_[key];
    // Who was granted it later starts at a durable checkpoint, and may repeat what came after.
    if (exclusive_ && version < target.version && id <= target.by) {
      trouble("key " + std::to_string(key) + " went back from version " + std::to_string(target.version) + " to " +
              std::to_string(version));
    }
    target = {.version = version, .by = id};
    if (state.applied.size() <= record) state.applied.resize(record + 1);
    state.applied[record] = true;
  }

  // ---- the table

  void row_changed(const coordination::Lease* before, const coordination::Lease* after) {
    if (after == nullptr) {
      if (!state_of(shards_.index_of(before->key)).finished) trouble(before->key + " deleted before it is finished");
      return;
    }
    const std::size_t shard = shards_.index_of(after->key);
    const Version from = before == nullptr ? 0 : covered(*before);
    const Version to = covered(*after);
    if (before == nullptr && state_of(shard).finished) trouble(name(shard) + " created again after it was finished");
    if (to < from) trouble(name(shard) + ": its checkpoint went back");
    if (to == from) return;
    const auto& records = shards_[shard].records;
    const auto begin = std::ranges::upper_bound(records, from, {}, &LeaseShards::Record::version);
    const auto end = std::ranges::upper_bound(records, to, {}, &LeaseShards::Record::version);
    for (auto at = begin; at < end; ++at) check_applied(shard, static_cast<std::size_t>(at - records.begin()));
    if (after->done()) finished(shard);
  }

  [[nodiscard]] bool is_finished(std::size_t shard) { return state_of(shard).finished; }
  /// Told by the table, to see whether children are there in time.
  std::function<bool(const std::string&)> has_row;

  [[nodiscard]] static Version covered(const coordination::Lease& lease) {
    if (lease.done()) return std::numeric_limits<Version>::max();
    Version version = 0;  // of TRIM_HORIZON
    std::from_chars(lease.checkpoint.data(), lease.checkpoint.data() + lease.checkpoint.size(), version);
    return version;
  }

  /// When nothing is left to do: the target holds what the shards said last.
  void check_target() {
    if (!exclusive_) return;
    for (int key = 0; key < shards_.keys(); ++key) {
      if (targets_[key].version != shards_.latest(key)) {
        trouble("key " + std::to_string(key) + " ends at version " + std::to_string(targets_[key].version) +
                " instead of " + std::to_string(shards_.latest(key)));
      }
    }
  }

 private:
  struct Grant {
    GrantId id = 0;
    bool ours = true;
    std::function<bool()> may_write;
    int in_flight = 0;
    bool ended = false;
  };
  struct State {
    std::vector<Grant> grants;  ///< that have not ended, or have writes on their way
    GrantId latest = 0;
    GrantId latest_ours = 0;
    std::vector<bool> applied;
    bool finished = false;
  };
  struct Target {
    Version version = 0;
    GrantId by = 0;
  };

  [[nodiscard]] const std::string& name(std::size_t shard) const { return shards_[shard].id; }

  State& state_of(std::size_t shard) {
    if (states_.size() <= shard) states_.resize(shard + 1);
    return states_[shard];
  }

  template <class Change>
  void change(std::size_t shard, GrantId id, Change&& change) {
    auto& grants = state_of(shard).grants;
    const auto at = std::ranges::find(grants, id, &Grant::id);
    if (at == grants.end()) return;
    change(*at);
    if (at->ended && at->in_flight == 0) grants.erase(at);
  }

  void check_applied(std::size_t shard, std::size_t record) {
    const auto& [key, version] = shards_[shard].records[record];
    const auto& applied = state_of(shard).applied;
    if (record >= applied.size() || !applied[record] || (exclusive_ && targets_[key].version < version)) {
      trouble(name(shard) + ": version " + std::to_string(version) + " is covered but not applied");
    }
  }

  void finished(std::size_t shard) {
    if (!shards_[shard].closed) trouble(name(shard) + " finished although it is open");
    for (const std::size_t child : shards_[shard].children) {
      const bool there = has_row(shards_[child].id) || state_of(child).finished;
      if (!there) trouble(name(shard) + " finished before its child " + name(child) + " has a lease");
    }
    state_of(shard).finished = true;
  }

  const LeaseShards& shards_;
  bool exclusive_;
  std::vector<State> states_;
  std::map<int, Target> targets_;
  GrantId last_grant_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace dynamirror::sim
