// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_taking.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "coordination/lease_names.hpp"

namespace dynamirror::coordination {
namespace {

using Seen = LeaseObservations::Seen;

/// What may be taken without harm to anyone who lives.
struct Available {
  std::vector<const Seen*> leases;   ///< in no order
  std::vector<const Seen*> overdue;  ///< among them, those that somebody else should have taken long ago
  std::vector<const Seen*> coming;   ///< not among them: their owners are finishing, to hand them over to us
};

void shuffle(std::vector<const Seen*>& leases, Random& random) {
  // The map's order is none that means anything, but the same seed must give the same run.
  std::ranges::sort(leases, {}, [](const Seen* seen) -> const std::string& { return seen->lease.key; });
  for (std::size_t i = leases.size(); i > 1; --i) {
    std::swap(leases[i - 1], leases[static_cast<std::size_t>(random.below(i))]);
  }
}

Available find_available(const LeaseObservations& seen, const Taker& taker, SteadyTime now, Duration failover,
                         Random& random) {
  Available available;
  for (const auto& [key, row] : seen.all()) {
    if (row.last_seen < now || row.lease.done() || taker.mine.contains(key)) continue;
    // What bears our name and is not ours any more was lost by time alone, or taken unseen: nobody else has it. But
    // while a hand-over to us is under way, its last owner goes on.
    const bool free =
        row.lease.owner.empty() || (row.lease.owner == taker.worker && row.lease.checkpoint_owner.empty());
    if (!free && !seen.expired(row)) {
      if (row.lease.owner == taker.worker) available.coming.push_back(&row);
      continue;
    }
    available.leases.push_back(&row);
    if (now - row.counter_moved > (free ? failover : failover * 2)) available.overdue.push_back(&row);
  }
  shuffle(available.leases, random);
  shuffle(available.overdue, random);
  shuffle(available.coming, random);
  return available;
}

/// How many leases each worker should have.
std::size_t share_of_each(std::size_t leases, std::size_t workers, std::size_t most) {
  return std::min(most, workers >= leases ? 1 : (leases + workers - 1) / workers);
}

std::size_t unfinished(const LeaseObservations& seen) {
  return static_cast<std::size_t>(
      std::ranges::count_if(seen.all(), [](const auto& entry) { return !entry.second.lease.done(); }));
}

std::vector<const Seen*> leases_of(const LeaseObservations& seen, const std::string& owner, Random& random) {
  std::vector<const Seen*> leases;
  for (const auto& [key, row] : seen.all()) {
    if (row.lease.owner == owner && !row.lease.done() && row.lease.checkpoint_owner.empty()) leases.push_back(&row);
  }
  shuffle(leases, random);
  return leases;
}

using Loads = std::map<std::string, std::size_t>;  // leases by owner

/// The workers that live, but for this one, with their unfinished leases.
struct Fleet {
  Loads ours;
  Loads others;              ///< of another make
  bool others_live = false;  ///< of another make, also with nothing but finished leases
  std::size_t workers = 1;   ///< all of these, and this one
  std::size_t finished_here = 0;

  Fleet(const LeaseObservations& seen, const std::string& worker) {
    for (const auto& [owner, load] : seen.live_owners()) {
      if (owner == worker) {
        finished_here = load.all - load.unfinished;
        continue;
      }
      const bool is_ours = is_our_worker(owner);
      others_live = others_live || !is_ours;
      ++workers;
      if (load.unfinished > 0) (is_ours ? ours : others).emplace(owner, load.unfinished);
    }
  }
};

/// What a worker lacks of its share.
struct Lack {
  std::size_t share = 0;  ///< of each worker
  std::size_t need = 0;
};

Lack lack(std::size_t share, std::size_t load) { return {share, share - std::min(share, load)}; }

Lack lack_of(const LeaseObservations& seen, const Fleet& fleet, std::size_t load, std::size_t most) {
  const std::size_t workers = fleet.ours.size() + fleet.others.size() + 1;
  Lack wanted = lack(share_of_each(unfinished(seen), workers, most), load);
  if (fleet.others_live) {
    const std::size_t share = share_of_each(seen.all().size(), fleet.workers, most);
    wanted.need = std::min(wanted.need, lack(share, load + fleet.finished_here).need);
  }
  return wanted;
}

/// From the most loaded owner on, what is above the share of each.
std::vector<Lease> above_share(const LeaseObservations& seen, const Loads& loads, const Lack& wanted, std::size_t most,
                               Random& random) {
  std::vector<Lease> leases;
  std::vector<std::pair<std::size_t, std::string>> owners;
  for (const auto& [owner, load] : loads) owners.emplace_back(load, owner);
  std::ranges::sort(owners, std::greater{});
  for (const auto& [load, owner] : owners) {
    const std::size_t left = std::min(most, wanted.need) - leases.size();
    std::size_t count = load > wanted.share ? std::min(left, load - wanted.share) : 0;
    // The rounding of the share must not keep one worker two below another.
    const bool most_loaded = &owner == &owners.front().second;
    if (most_loaded && wanted.need > 1 && load == wanted.share) count = std::min<std::size_t>(left, 1);
    if (count == 0) break;
    for (const Seen* row : leases_of(seen, owner, random)) {
      if (count-- == 0) break;
      leases.push_back(row->lease);
    }
  }
  return leases;
}

}  // namespace

TakingPlan plan_taking(const LeaseObservations& seen, const Taker& taker, SteadyTime now, const TakingOptions& options,
                       Random& random) {
  TakingPlan plan;
  const Available available = find_available(seen, taker, now, options.failover, random);
  for (const Seen* row : available.coming) plan.hand_over.push_back(row->lease);
  const std::size_t load = taker.load + available.coming.size();
  const Fleet fleet(seen, taker.worker);
  const Lack wanted = lack_of(seen, fleet, load, options.max_leases);
  plan.beside_others = fleet.others_live;

  std::unordered_set<std::string> taken;
  const auto take = [&](const std::vector<const Seen*>& leases, std::size_t most) {
    for (const Seen* row : leases) {
      if (taken.size() >= most) return;
      if (taken.insert(row->lease.key).second) plan.take.push_back(row->lease);
    }
  };
  take(available.leases, wanted.need);
  take(available.overdue, options.max_leases - std::min(options.max_leases, load));
  if (taker.may_steal && available.leases.empty()) {
    std::size_t of_ours = load;
    for (const auto& [owner, leases] : fleet.ours) of_ours += leases;
    const Lack among_ours = lack(share_of_each(of_ours, fleet.ours.size() + 1, options.max_leases), load);
    const std::size_t most = options.hands_over ? std::max(options.max_hand_overs, among_ours.need / 4) : 0;
    const std::vector<Lease> asked = above_share(seen, fleet.ours, among_ours, most, random);
    plan.hand_over.insert(plan.hand_over.end(), asked.begin(), asked.end());
    const Lack still{wanted.share, wanted.need - std::min(wanted.need, asked.size())};
    plan.steal = above_share(seen, fleet.others, still, options.max_steals, random);
  }
  plan.balanced = plan.take.empty() && plan.steal.empty() && plan.hand_over.empty();
  return plan;
}

}  // namespace dynamirror::coordination
