// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/random.hpp"
#include "coordination/lease_observations.hpp"

namespace dynamirror::coordination {

struct TakingOptions {
  Duration failover{};
  std::size_t max_leases = 1'000'000;  ///< that one worker may own
  std::size_t max_steals = 0;          ///< of other makes' workers in one round; KCL steals one
  std::size_t max_hand_overs = 8;      ///< asked of workers of ours in one round; more when it needs many
  bool hands_over = true;              ///< otherwise none is asked
};

/// The worker whose turn it is.
struct Taker {
  const std::string& worker;
  std::unordered_set<std::string> mine{};  ///< what it owns or is getting
  std::size_t load = 0;                    ///< of them, those that it is to keep
  bool may_steal = false;                  ///< the scan of this round showed all rows
};

/// What a worker should do to have its share of the leases.
struct TakingPlan {
  std::vector<Lease> take;       ///< nobody's, or their owners do not renew them any more
  std::vector<Lease> steal;      ///< of owners that live, but are not of our kind
  std::vector<Lease> hand_over;  ///< to be asked for, of owners of our kind; or asked for already, bearing our name
  bool balanced = true;          ///< this worker has its share, as far as it can see
  bool beside_others = false;    ///< workers of another make live
};

/// One round of taking, by KCL's rules (LeaseTaker): so many that every worker has about as many; what is free first;
/// then from those that have too many: of ours by asking, so that ours are even among themselves whatever KCL's have;
/// of others by stealing, when that is allowed. What nobody takes for long is taken whatever the share. Finished leases
/// are not taken. They count beside KCL's workers, of which some count them with the others and some by themselves
/// (from the stream adapter 1.5 on): no more is wanted then than both ways of counting give.
///
/// `now`: when the scan of this round ended; only rows that it showed are taken. Pure.
[[nodiscard]] TakingPlan plan_taking(const LeaseObservations& seen, const Taker& taker, SteadyTime now,
                                     const TakingOptions& options, Random& random);

}  // namespace dynamirror::coordination
