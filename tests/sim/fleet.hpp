// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "sim/durable.hpp"
#include "sim/source_stream.hpp"
#include "sim/stream_service.hpp"

namespace dynamirror::sim {

/// The leases of the shards as their table has them, and the other workers, who make no mistakes: they take what is
/// free, or what its owner has not renewed in time, and go on from its checkpoint. (How workers agree on a lease is
/// simulated in lease_*.)
class Fleet {
 public:
  using Worker = int;  ///< each process of ours is another one, from 1 on
  static constexpr Worker kNobody = 0;
  static constexpr Worker kOther = -1;
  static constexpr std::chrono::milliseconds kLeaseTime{2'000};

  Fleet(const SourceStream& source, Durable& durable, Witness& witness, const Faults& faults, const Clock& clock,
        Random& random)
      : source_(source), durable_(durable), witness_(witness), faults_(faults), clock_(clock), random_(random) {}

  [[nodiscard]] bool holds(Worker worker, const ShardId& shard) const {
    const auto at = leases_.find(shard);
    return at != leases_.end() && at->second.holder == worker;
  }
  /// Another worker is to get it.
  [[nodiscard]] bool wanted(const ShardId& shard) const { return leases_.at(shard).wanted; }

  /// Shards that a worker may take now.
  [[nodiscard]] std::vector<ShardId> free() {
    std::vector<ShardId> shards;
    for (const auto& [id, row] : durable_.rows) {
      const Lease& lease = leases_[id];
      const bool given_up = lease.holder == kNobody || lease.expires < clock_.steady_now();
      if (given_up && !done(row) && parents_done(row)) shards.push_back(id);
    }
    return shards;
  }
  void take(Worker worker, const ShardId& shard) { leases_[shard] = {.holder = worker, .expires = new_expiry(worker)}; }
  /// Until when it holds the lease then; nothing when it does not.
  [[nodiscard]] std::optional<SteadyTime> renew(Worker worker, const ShardId& shard) {
    if (!holds(worker, shard)) return std::nullopt;
    return leases_[shard].expires = new_expiry(worker);
  }
  void release(Worker worker, const ShardId& shard) {
    if (holds(worker, shard)) leases_[shard] = {};
  }

  /// A change of ours lands in the target.
  void check_may_write(Worker worker, const model::Change& change) {
    const Version version = version_of(change.sequence());
    const ShardId& shard = source_.shards()[source_.shard_of(version)].id;
    if (holds(worker, shard)) return;
    witness_.trouble("version " + std::to_string(version) + " written by a worker that has lost " + shard.str());
  }

  /// A write whose process is no more, or has given it up: it may still land. `item`: what was read for it, where
  /// changes are applied by their keys.
  void leave_behind(Worker worker, const model::Change& change, SteadyTime not_after,
                    std::optional<Durable::TargetItem> item = {}) {
    strays_.push_back({.worker = worker, .change = change, .item = std::move(item), .not_after = not_after});
  }

  /// The other workers read items, too.
  void apply_by_key() { by_key_ = true; }

  /// Something happens, or nothing.
  void act() {
    land_strays();
    if (random_.chance(faults_.lease_lost)) take_one_over();
    if (random_.chance(faults_.lease_wanted)) want_one();
    if (random_.chance(faults_.others_work)) others_take_one();
    if (random_.chance(faults_.others_work)) others_go_on();
    if (faults_.others_work == 0) {
      for (auto& [id, lease] : leases_) {
        if (lease.holder == kOther) lease = {};
        lease.wanted = false;
      }
    }
  }

 private:
  struct Lease {
    Worker holder = kNobody;
    SteadyTime expires{};
    bool wanted = false;
  };
  struct Stray {
    Worker worker = kNobody;
    model::Change change;
    std::optional<Durable::TargetItem> item;
    SteadyTime not_after;
  };

  [[nodiscard]] SteadyTime new_expiry(Worker worker) const {
    return worker == kOther ? kNoDeadline : clock_.steady_now() + kLeaseTime;
  }
  [[nodiscard]] static bool done(const model::ShardCheckpoint& row) {
    return std::holds_alternative<model::ShardEnd>(row.checkpoint);
  }
  [[nodiscard]] bool parents_done(const model::ShardCheckpoint& row) const {
    return std::ranges::all_of(row.parents, [&](const ShardId& parent) {
      const auto above = durable_.rows.find(parent);
      return above == durable_.rows.end() || done(above->second);
    });
  }
  /// One of the leases for which `suits` is true.
  template <class Suits>
  [[nodiscard]] std::optional<ShardId> any(Suits&& suits) {
    std::vector<ShardId> found;
    for (const auto& [id, lease] : leases_) {
      if (suits(lease)) found.push_back(id);
    }
    if (found.empty()) return std::nullopt;
    return found[random_.below(found.size())];
  }

  void land_strays() {
    std::erase_if(strays_, [&](const Stray& stray) {
      if (stray.not_after < clock_.steady_now()) return true;
      if (!random_.chance(0.1)) return false;
      check_may_write(stray.worker, stray.change);
      if (stray.item) {
        witness_.item_written_elsewhere(key_of(stray.change), *stray.item);
      } else {
        witness_.change_written_elsewhere(stray.change);
      }
      return true;
    });
  }

  void take_one_over() {
    const auto late = [&](const Lease& lease) { return lease.holder > 0 && lease.expires < clock_.steady_now(); };
    if (const auto shard = any(late)) take(random_.chance(0.5) ? kOther : kNobody, *shard);
  }

  void want_one() {
    const auto ours = [](const Lease& lease) { return lease.holder > 0; };
    if (const auto shard = any(ours)) leases_[*shard].wanted = true;
  }

  void others_take_one() {
    const auto shards = free();
    if (!shards.empty()) take(kOther, shards[random_.below(shards.size())]);
  }

  /// Writes and checkpoint at once.
  void others_go_on() {
    const auto shard = any([](const Lease& lease) { return lease.holder == kOther; });
    if (!shard) return;
    model::ShardCheckpoint row = durable_.rows.at(*shard);
    const TrueShard& truth = source_.shards()[source_.index_of(*shard)];
    const auto* after = std::get_if<model::AfterSequence>(&row.checkpoint);
    const Version from = after ? version_of(after->sequence) : 0;
    std::size_t left = 1 + random_.below(10);
    for (const Record& record : truth.records) {
      if (record.version <= from) continue;
      if (left-- == 0) break;
      const auto sequence = sequence_of(record.version);
      if (!filtered(record.key) && by_key_) {
        witness_.item_written_elsewhere(record.key, {source_.latest(record.key), source_.image(record.key)});
      } else if (!filtered(record.key)) {
        witness_.change_written_elsewhere({key_text(record.key), record.image, sequence, clock_.wall_now()});
      }
      row.checkpoint = model::AfterSequence{sequence};
    }
    const auto* reached = std::get_if<model::AfterSequence>(&row.checkpoint);
    const Version last = reached ? version_of(reached->sequence) : 0;
    if (truth.closed && (truth.records.empty() || last == truth.records.back().version)) {
      row.checkpoint = model::ShardEnd{};
    }
    witness_.row_saved(row);
    if (done(row) || random_.chance(0.2)) release(kOther, *shard);
  }

  const SourceStream& source_;
  Durable& durable_;
  Witness& witness_;
  const Faults& faults_;
  const Clock& clock_;
  Random& random_;
  std::map<ShardId, Lease> leases_;
  std::vector<Stray> strays_;
  bool by_key_ = false;
};

}  // namespace dynamirror::sim
