// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_observations.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_set>

#include "coordination/lease_names.hpp"

namespace dynamirror::coordination {
namespace {

/// Of each row. With two, a part of the table was left alone when both died, and nobody else knew them to be dead.
constexpr std::size_t kWatchers = 4;

}  // namespace

void LeaseObservations::observe(const LeaseRows& rows, bool everything, SteadyTime now) {
  std::unordered_set<std::string> there;
  for (const Lease& lease : rows.leases) {
    observe(lease, now);
    if (everything) there.insert(lease.key);
  }
  if (everything) std::erase_if(seen_, [&](const auto& entry) { return !there.contains(entry.first); });
}

void LeaseObservations::observe(const Lease& lease, SteadyTime now) {
  const auto [entry, added] =
      seen_.try_emplace(lease.key, Seen{.lease = lease, .counter_moved = now, .last_seen = now});
  if (added) return;
  Seen& seen = entry->second;
  if (seen.lease.counter != lease.counter || seen.lease.owner != lease.owner) seen.counter_moved = now;
  seen.last_seen = now;
  seen.lease = lease;
}

const LeaseObservations::Seen* LeaseObservations::find(const std::string& key) const {
  const auto entry = seen_.find(key);
  return entry == seen_.end() ? nullptr : &entry->second;
}

std::map<std::string, LeaseObservations::Load> LeaseObservations::live_owners() const {
  struct Signs {
    Load load{};
    SteadyTime counter_moved{};
    SteadyTime last_seen{};
  };
  std::unordered_map<std::string_view, Signs> owners;
  for (const auto& [key, seen] : seen_) {
    if (seen.lease.owner.empty()) continue;
    Signs& signs = owners[seen.lease.owner];
    signs.load.unfinished += seen.lease.done() ? 0 : 1;
    signs.load.all += seen.lease.done() && expired(seen) ? 0 : 1;
    signs.counter_moved = std::max(signs.counter_moved, seen.counter_moved);
    signs.last_seen = std::max(signs.last_seen, seen.last_seen);
  }
  std::map<std::string, Load> live;
  for (const auto& [owner, signs] : owners) {
    if (signs.last_seen - signs.counter_moved <= failover_) live.emplace(owner, signs.load);
  }
  return live;
}

LeaseShare LeaseObservations::share_of(const std::string& worker) const {
  std::set<std::string> workers{worker};
  for (const auto& [owner, load] : live_owners()) {
    if (load.unfinished > 0 && is_our_worker(owner)) workers.insert(owner);
  }
  const auto shares = static_cast<std::uint32_t>(std::max<std::size_t>(1, workers.size() / kWatchers));
  const auto rank = static_cast<std::uint32_t>(std::distance(workers.begin(), workers.find(worker)));
  return {.share = rank % shares, .shares = shares};
}

}  // namespace dynamirror::coordination
