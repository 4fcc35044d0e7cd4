// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "coordination/lease_rules.hpp"
#include "coordination/lease_store.hpp"
#include "sim/lease_agenda.hpp"
#include "sim/lease_invariants.hpp"
#include "sim/lease_shards.hpp"

namespace dynamirror::sim {

/// Mistakes that one could make with leases. A simulation that does not notice them proves nothing.
enum class LeaseMistake {
  kNone,
  kNoCounterCheck,       ///< the table takes and renews whatever the counter is
  kNoMargin,             ///< work goes on until the very end of its time, though requests land late
  kStealGrantedAtOnce,   ///< the owner who was robbed is not waited for
  kWallClock,            ///< times come from a clock that is set now and then
  kSilenceIsSuccess,     ///< a write without an answer counts as done
  kCountsFromTheAnswer,  ///< a lease's time counts from the answer to its renewal
  kLostIgnored,          ///< work goes on although its lease was lost
  kDrainedTooEarly,      ///< a lease is given away with writes on their way
  kCheckpointAtLastSent,
  kParentsIgnored,
  kChildrenForgotten,  ///< a shard is finished without creating its children
  kStaleLooks,         ///< what became of a write is looked up in a replica that lags
};

/// How often things go wrong; all zero once the faults have stopped.
struct LeaseFaults {
  double throttled = 0;
  double lost = 0;  ///< requests without an answer; about half of them have their effect
  double slow = 0;  ///< requests that take long
  double scan_fails = 0;
  double stale = 0;  ///< rows that a scan shows as they were
  double target_throttled = 0;
  double stall = 0;  ///< per write to the target: the shard is throttled for some fail-over times
};

/// The lease table, as all workers share it.
class SimulatedTable {
 public:
  using Lease = coordination::Lease;

  SimulatedTable(const Agenda& agenda, LeaseInvariants& invariants, LeaseMistake mistake)
      : agenda_(agenda), invariants_(invariants), mistake_(mistake) {}

  [[nodiscard]] const std::map<std::string, Lease>& rows() const { return rows_; }
  [[nodiscard]] std::uint64_t owner_changes() const { return owner_changes_; }
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

  bool write(coordination::LeaseWrite write) {
    ++writes_;
    using Kind = coordination::LeaseWrite::Kind;
    const auto at = rows_.find(write.key);
    const bool counted = write.kind == Kind::kTake || write.kind == Kind::kRenew;
    if (mistake_ == LeaseMistake::kNoCounterCheck && counted && at != rows_.end()) write.counter = at->second.counter;
    const auto row = at == rows_.end() ? std::nullopt : std::optional(at->second);
    const auto after = coordination::apply_write(write, row);
    if (!after) return false;
    put(write.key, after->lease);
    return true;
  }

  /// For workers that write what our rules do not know.
  void put(const std::string& key, const std::optional<Lease>& lease) {
    const auto at = rows_.find(key);
    const auto before = at == rows_.end() ? std::nullopt : std::optional(at->second);
    if (keep_history) previous_[key] = {.lease = before, .until = agenda_.now()};
    if (lease && before && !lease->done() && lease->owner != before->owner) ++owner_changes_;
    if (lease) {
      rows_.insert_or_assign(key, *lease);
    } else {
      rows_.erase(key);
    }
    if (on_change) on_change(lease ? *lease : Lease{.key = key, .owner = "(deleted)"});
    if (check_rows) invariants_.row_changed(before ? &*before : nullptr, lease ? &*lease : nullptr);
  }

  [[nodiscard]] std::optional<Lease> get(const std::string& key) const {
    const auto at = rows_.find(key);
    return at == rows_.end() ? std::nullopt : std::optional(at->second);
  }

  /// As a replica shows it that may lag by `lag`.
  [[nodiscard]] std::optional<Lease> get_stale(const std::string& key, Duration lag) const {
    const auto at = previous_.find(key);
    if (at != previous_.end() && agenda_.now() - at->second.until < lag) return at->second.lease;
    return get(key);
  }

  template <class IsStale>
  [[nodiscard]] coordination::LeaseRows scan(coordination::LeaseShare share, Duration lag, IsStale&& is_stale) const {
    coordination::LeaseRows read;
    for (const auto& [key, lease] : rows_) {
      if (!coordination::in_share(key, share)) continue;
      const auto row = is_stale() ? get_stale(key, lag) : std::optional(lease);
      if (row) read.leases.push_back(*row);
    }
    return read;
  }

  std::function<void(const Lease&)> on_change;
  bool keep_history = true;
  bool check_rows = true;

 private:
  struct Previous {
    std::optional<Lease> lease;
    Duration until{};
  };

  const Agenda& agenda_;
  LeaseInvariants& invariants_;
  LeaseMistake mistake_;
  std::map<std::string, Lease> rows_;
  std::map<std::string, Previous> previous_;
  std::uint64_t owner_changes_ = 0;
  std::uint64_t writes_ = 0;
};

/// All that the workers of one run share.
struct LeaseWorld {
  LeaseWorld(std::uint64_t seed, LeaseMistake the_mistake, bool exclusive)
      : random(seed),
        mistake(the_mistake),
        shards(random),
        invariants(shards, exclusive),
        table(agenda, invariants, the_mistake) {
    trace = std::getenv("DYNAMIRROR_SIM_TRACE") != nullptr;
    if (trace)
      table.on_change = [this](const coordination::Lease& row) {
        note("row ", row.key, " owner ", row.owner, " counter ", row.counter, " checkpoint ", row.checkpoint,
             row.checkpoint_owner.empty() ? "" : " from ", row.checkpoint_owner);
      };
    invariants.has_row = [this](const std::string& key) { return table.rows().contains(key); };
  }

  Random random;
  LeaseMistake mistake;
  Agenda agenda;
  LeaseShards shards;
  LeaseInvariants invariants;
  SimulatedTable table;
  /// Writes to the table on conditions of its own; `wall`: the sender's calendar time. Empty: those of our rules alone.
  std::function<bool(coordination::LeaseWrite, WallTime wall)> write_in_other_form;
  bool write(coordination::LeaseWrite write, WallTime wall) {
    return write_in_other_form ? write_in_other_form(std::move(write), wall) : table.write(std::move(write));
  }
  [[nodiscard]] WallTime wall_clock(Duration off) const {
    constexpr std::chrono::hours kThen{400'000};
    return WallTime{std::chrono::duration_cast<WallTime::duration>(kThen + agenda.now() + off)};
  }

  LeaseFaults faults;
  Duration failover = std::chrono::seconds(10);
  bool has_work = true;  ///< otherwise shards are only owned

  /// For people who replay a seed (DYNAMIRROR_SIM_TRACE): time in fail-over times, and what happens.
  template <class... Parts>
  void note(const Parts&... parts) {
    if (!trace) return;
    const double time = std::chrono::duration<double>(agenda.now()) / std::chrono::duration<double>(failover);
    std::ostringstream line;
    ((line << time << ": ") << ... << parts) << "\n";
    std::clog << line.str();
  }
  bool trace = false;

  [[nodiscard]] Duration part(double of_failover) const {
    return std::chrono::duration_cast<Duration>(failover * of_failover);
  }
  [[nodiscard]] Duration latency() {
    const bool slow = random.chance(faults.slow);
    return part(random.unit() * (slow ? 0.5 : 0.005));
  }
  /// How long after its sender has given up a request may still land.
  [[nodiscard]] Duration tail() const { return failover / 16; }
};

/// A worker's own clock: it does not run as others do, nor show the same.
struct SkewedClock {
  Duration offset{};
  double rate = 1;
  Duration jump{};  ///< by how much it was set
  Duration wall{};  ///< by how much the calendar time that it shows is off

  [[nodiscard]] SteadyTime local(Duration time) const {
    return SteadyTime{offset + jump + Duration(static_cast<std::int64_t>(static_cast<double>(time.count()) * rate))};
  }
  /// The earliest true time at which the clock shows `local`.
  [[nodiscard]] Duration truly(SteadyTime local) const {
    const auto shown = static_cast<double>((local.time_since_epoch() - offset - jump).count());
    return Duration(static_cast<std::int64_t>(shown / rate) + 1'000);
  }
};

}  // namespace dynamirror::sim
