// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

/// What one worker has seen of a lease table, and what it concludes about the others. No clock is in the table: a lease
/// has expired when its counter has not moved for longer than the fail-over time while we looked on.
/// Pure and not thread-safe.
class LeaseObservations {
 public:
  struct Seen {
    Lease lease;
    SteadyTime counter_moved{};  ///< when we first saw it with this owner and counter
    SteadyTime last_seen{};      ///< when we last saw it
  };

  explicit LeaseObservations(Duration failover) : failover_(failover) {}

  /// Takes the rows of a scan. A scan of everything also forgets what is no longer there.
  void observe(const LeaseRows& rows, bool everything, SteadyTime now);
  /// One row as it was read or written by ourselves.
  void observe(const Lease& lease, SteadyTime now);
  void forget(const std::string& key) { seen_.erase(key); }

  [[nodiscard]] const std::unordered_map<std::string, Seen>& all() const { return seen_; }
  [[nodiscard]] const Seen* find(const std::string& key) const;

  /// Owned, and not renewed for longer than the fail-over time. Never of a lease that we have seen only once.
  [[nodiscard]] bool expired(const Seen& seen) const {
    return !seen.lease.owner.empty() && seen.last_seen - seen.counter_moved > failover_;
  }

  struct Load {
    std::size_t unfinished = 0;
    std::size_t all = 0;  ///< with finished leases that are still renewed
  };
  /// The owners that live. An owner is dead when the last look at any of its leases came longer than the fail-over time
  /// after the last sign of life in any of them.
  [[nodiscard]] std::map<std::string, Load> live_owners() const;

  /// Which part of the table a worker should watch, so that each row is watched by about four: with few workers
  /// everything, with many a part that shrinks as they grow, so that all of them together read the table no more
  /// often. Every live worker of ours counts; KCL's watch for themselves.
  [[nodiscard]] LeaseShare share_of(const std::string& worker) const;

 private:
  Duration failover_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace dynamirror::coordination
