// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coordination/lease.hpp"
#include "sim/lease_world.hpp"

namespace dynamirror::sim {

/// What one grant of a shard is used for: reading from the checkpoint on and writing to the target, several writes at
/// once, in order for each key. A write that was given up counts as under way until it cannot land any more, and is
/// repeated. Ends when it is destroyed; what was sent still lands.
class ShardWork : public std::enable_shared_from_this<ShardWork> {
 public:
  /// The process that works.
  struct Host {
    bool ours = true;
    bool in_order = true;                                ///< it begins after the shard's parents
    std::function<void(std::function<void()>)> deliver;  ///< calls when the process runs, or never
    std::function<void()> attend;                        ///< something may be done now
    std::function<bool()> may_write;
  };

  ShardWork(LeaseWorld& world, const coordination::Lease& lease, Host host)
      : world_(world), shard_(world.shards.index_of(lease.key)), host_(std::move(host)), start_(lease.checkpoint) {
    const auto& records = world_.shards[shard_].records;
    const auto from = LeaseInvariants::covered(lease);
    const auto at = std::ranges::upper_bound(records, from, {}, &LeaseShards::Record::version);
    first_ = next_ = static_cast<std::size_t>(at - records.begin());
    grant_ = world_.invariants.granted(shard_, host_.ours, [this] { return host_.may_write(); }, host_.in_order);
  }
  ~ShardWork() { world_.invariants.ended(shard_, grant_); }
  ShardWork(const ShardWork&) = delete;
  ShardWork& operator=(const ShardWork&) = delete;

  /// Sends what may be sent until that (true) time; no answer is waited for longer.
  void send(Duration until) {
    const auto& records = world_.shards[shard_].records;
    while (!winding_down && next_ < records.size() && writes_.size() < kMostWrites && !is_busy(records[next_].key)) {
      writes_.push_back({.record = next_, .key = records[next_].key});
      ++next_;
    }
    for (Write& write : writes_) {
      const bool waits = write.acknowledged || write.attempt != 0 || write.not_before > world_.agenda.now();
      if (!waits && world_.agenda.now() < until) dispatch(write, until);
    }
  }

  [[nodiscard]] bool idle() const {
    return writes_.empty() || (winding_down && world_.mistake == LeaseMistake::kDrainedTooEarly);
  }
  [[nodiscard]] bool at_end() const {
    const auto& shard = world_.shards[shard_];
    return writes_.empty() && shard.closed && next_ == shard.records.size();
  }

  /// Everything up to here is in the target.
  [[nodiscard]] std::string checkpoint() const {
    std::size_t safe = writes_.empty() ? next_ : writes_.front().record;
    if (world_.mistake == LeaseMistake::kCheckpointAtLastSent) safe = next_;
    return safe == first_ ? start_ : std::to_string(world_.shards[shard_].records[safe - 1].version);
  }

  [[nodiscard]] std::size_t shard() const { return shard_; }

  bool winding_down = false;

 private:
  static constexpr std::size_t kMostWrites = 4;

  struct Write {
    std::size_t record = 0;
    int key = 0;
    bool acknowledged = false;
    std::uint64_t attempt = 0;  ///< 0: none is under way
    Duration not_before{};
  };

  [[nodiscard]] bool is_busy(int key) const {
    return std::ranges::any_of(writes_, [&](const Write& one) { return one.key == key && !one.acknowledged; });
  }

  void dispatch(Write& write, Duration until) {
    Random& random = world_.random;
    const Duration now = world_.agenda.now();
    const Duration deadline = std::min(until, now + world_.part(0.25));
    write.attempt = ++last_attempt_;
    if (random.chance(world_.faults.stall)) {
      answer_at(now, write, false, now + world_.part(random.unit() * 6));
      return;
    }
    if (random.chance(world_.faults.target_throttled)) {
      answer_at(now + world_.latency(), write, false, now + world_.part(0.02));
      return;
    }
    const bool lost = random.chance(world_.faults.lost);
    const Duration last = deadline + world_.tail();
    Duration lands = std::min(now + world_.latency(), last);
    if (lost && random.chance(0.5))
      lands = now + Duration(random.below(static_cast<std::uint64_t>((last - now).count())));
    if (!lost || random.chance(0.5)) land_at(lands, write.record);
    const Duration answered = lands + world_.latency();
    if (lost || answered > deadline) {
      answer_at(deadline, write, false, last + Duration(1));
    } else {
      answer_at(answered, write, true, {});
    }
  }

  void land_at(Duration when, std::size_t record) {
    world_.invariants.sent(shard_, grant_);
    world_.note(world_.shards[shard_].id, " grant ", grant_, " write ", record, " lands in ",
                (when - world_.agenda.now()).count());
    auto land = [&world = world_, shard = shard_, grant = grant_, record, ours = host_.ours] {
      world.invariants.landed(shard, grant, record, ours);
    };
    world_.agenda.at(when, std::move(land));
  }

  void answer_at(Duration when, const Write& write, bool acknowledged, Duration not_before) {
    auto hear = [self = weak_from_this(), record = write.record, attempt = write.attempt, acknowledged, not_before] {
      if (const auto work = self.lock()) work->answered(record, attempt, acknowledged, not_before);
    };
    // The host outlives the run, this object may not.
    world_.agenda.at(when, [deliver = host_.deliver, hear = std::move(hear)] { deliver(hear); });
  }

  void answered(std::size_t record, std::uint64_t attempt, bool acknowledged, Duration not_before) {
    const auto write = std::ranges::find(writes_, record, &Write::record);
    if (write == writes_.end() || write->attempt != attempt) return;
    write->attempt = 0;
    write->acknowledged = acknowledged;
    write->not_before = not_before;
    while (!writes_.empty() && writes_.front().acknowledged) writes_.pop_front();
    const auto again = [self = weak_from_this(), deliver = host_.deliver] {
      deliver([self] {
        if (const auto work = self.lock()) work->host_.attend();
      });
    };
    world_.agenda.at(not_before, again);
  }

  LeaseWorld& world_;
  std::size_t shard_;
  Host host_;
  LeaseInvariants::GrantId grant_ = 0;
  std::string start_;
  std::size_t first_ = 0;
  std::size_t next_ = 0;
  std::list<Write> writes_;
  std::uint64_t last_attempt_ = 0;
};

}  // namespace dynamirror::sim
