// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever happens to workers that share shards (death, pauses, clocks that run differently, lost and late
// requests, throttling, stale scans, splits, KCL's workers beside them), no two of ours ever work on a shard at the
// same time, nothing is lost or reordered, and when it is quiet each shard has an owner and loads are even. Method: the
// real LeaseWorker and model of work in virtual time; a seed makes the history, and replays it.
// `DYNAMIRROR_SIM_SEEDS=N` runs N seeds, `DYNAMIRROR_SIM_SEED=N` only that one.
#include "sim/lease_simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dynamirror::sim {
namespace {

constexpr std::uint64_t kDefaultSeeds = 500;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(LeaseSimulation, NoTwoWorkersHaveAShardAndNothingIsLost) {
  const auto only = number_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : number_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultSeeds);
  LeaseSimulation::Figures all;
  std::uint64_t with_kcl = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    LeaseSimulation simulation(seed);
    const auto violation = simulation.run();
    const auto figures = simulation.figures();
    ASSERT_FALSE(violation) << *violation << (figures.with_kcl ? " (with KCL)" : "")
                            << "\nreplay: ./dev sim --leases --seed " << seed;
    all.workers += figures.workers;
    all.shards += figures.shards;
    all.records += figures.records;
    all.writes += figures.writes;
    all.owner_changes += figures.owner_changes;
    all.kills += figures.kills;
    all.pauses += figures.pauses;
    all.lost += figures.lost;
    all.given_away += figures.given_away;
    all.rest = std::max(all.rest, figures.rest);
    with_kcl += figures.with_kcl ? 1 : 0;
  }
  std::cout << seeds << " seeds (" << with_kcl << " with KCL): " << all.workers << " workers, " << all.shards
            << " shards, " << all.records << " changes, " << all.writes << " lease writes, " << all.owner_changes
            << " changes of owner, " << all.kills << " kills, " << all.pauses << " pauses, " << all.lost
            << " leases lost, " << all.given_away << " given away; the slowest was done " << all.rest
            << " fail-over times after the last fault\n";
}

TEST(LeaseSimulation, ASeedReplaysExactly) {
  for (const std::uint64_t seed : {3, 14, 15}) {
    LeaseSimulation one(seed);
    LeaseSimulation two(seed);
    ASSERT_EQ(one.run(), two.run());
    EXPECT_EQ(one.figures().writes, two.figures().writes);
    EXPECT_EQ(one.figures().owner_changes, two.figures().owner_changes);
  }
}

/// A simulation that cannot fail proves nothing: each known mistake must be found within these many seeds.
constexpr std::uint64_t kSeedsToFindAMistake = 400;

class LeaseSimulationWithAMistake : public ::testing::TestWithParam<std::pair<LeaseMistake, std::string_view>> {};

TEST_P(LeaseSimulationWithAMistake, ReportsAViolation) {
  for (std::uint64_t seed = 1; seed <= kSeedsToFindAMistake; ++seed) {
    const auto violation = LeaseSimulation(seed, GetParam().first).run();
    // One mistake shows in several ways; what counts is the one that makes it a mistake.
    if (!violation || violation->find(GetParam().second) == std::string::npos) continue;
    std::cout << "seed " << seed << ": " << *violation << "\n";
    return;
  }
  FAIL() << "not noticed in " << kSeedsToFindAMistake << " seeds";
}

INSTANTIATE_TEST_SUITE_P(OneAtATime, LeaseSimulationWithAMistake,
                         ::testing::Values(std::pair{LeaseMistake::kNoCounterCheck, "granted while"},
                                           std::pair{LeaseMistake::kNoMargin, "granted while"},
                                           std::pair{LeaseMistake::kStealGrantedAtOnce, "granted while"},
                                           std::pair{LeaseMistake::kWallClock, "granted while"},
                                           std::pair{LeaseMistake::kSilenceIsSuccess, "granted while"},
                                           std::pair{LeaseMistake::kCountsFromTheAnswer, "granted while"},
                                           std::pair{LeaseMistake::kLostIgnored, "granted while"},
                                           std::pair{LeaseMistake::kDrainedTooEarly, "on its way"},
                                           std::pair{LeaseMistake::kCheckpointAtLastSent, "not applied"},
                                           std::pair{LeaseMistake::kParentsIgnored, "before its parent"},
                                           std::pair{LeaseMistake::kChildrenForgotten, "has a lease"},
                                           std::pair{LeaseMistake::kStaleLooks, "granted while"}));

}  // namespace
}  // namespace dynamirror::sim
