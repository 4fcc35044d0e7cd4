// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever happens on the way (splits, trims, poor listings, throttling, lost answers, crashes at any moment), no
// change is lost, reordered or covered too early, memory stays bounded, and when the source goes quiet the target
// equals it. Method: the replicate job's logic in pure form against a model of the stream and the target; a seed makes
// the workload and the faults, and replays them. `DYNAMIRROR_SIM_SEEDS=N` runs N seeds, `DYNAMIRROR_SIM_SEED=N` only
// that one.
#include "sim/simulation.hpp"

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

constexpr std::uint64_t kDefaultSeeds = 1'500;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(Simulation, TheTargetEqualsTheSourceWhateverHappensOnTheWay) {
  const auto only = number_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : number_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultSeeds);
  std::uint64_t changes = 0;
  std::uint64_t shards = 0;
  std::uint64_t crashes = 0;
  std::uint64_t dead_letters = 0;
  std::size_t most_shards = 0;
  double slowest = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Simulation simulation(seed);
    const auto violation = simulation.run();
    ASSERT_FALSE(violation) << *violation << "\nreplay: ./dev sim --seed " << seed;
    changes += simulation.changes();
    shards += simulation.shards();
    crashes += static_cast<std::uint64_t>(simulation.crashes());
    dead_letters += simulation.dead_letters();
    most_shards = std::max(most_shards, simulation.shards());
    slowest = std::max(slowest, simulation.slowness());
  }
  std::cout << seeds << " seeds: " << changes << " changes, " << shards << " shards (at most " << most_shards
            << " at once), " << crashes << " crashes, " << dead_letters << " poisoned keys; the slowest took "
            << static_cast<int>(100 * slowest) << " % of the actions allowed to come to rest\n";
}

TEST(Simulation, ASeedReplaysExactly) {
  for (const std::uint64_t seed : {3, 14, 15}) {
    Simulation first(seed);
    Simulation second(seed);
    ASSERT_EQ(first.run(), second.run());
    EXPECT_EQ(first.changes(), second.changes());
    EXPECT_EQ(first.crashes(), second.crashes());
    EXPECT_EQ(first.actions_to_rest(), second.actions_to_rest());
  }
}

/// A simulation that cannot fail proves nothing: each known mistake must be found within these many seeds.
constexpr std::uint64_t kSeedsToFindAMistake = 200;

class SimulationWithAMistake : public ::testing::TestWithParam<std::pair<Mistake, std::string_view>> {};

TEST_P(SimulationWithAMistake, ReportsAViolation) {
  for (std::uint64_t seed = 1; seed <= kSeedsToFindAMistake; ++seed) {
    const auto violation = Simulation(seed, GetParam().first).run();
    if (!violation) continue;
    std::cout << "seed " << seed << ": " << *violation << "\n";
    EXPECT_NE(violation->find(GetParam().second), std::string::npos) << "found, but by accident: " << *violation;
    return;
  }
  FAIL() << "not noticed in " << kSeedsToFindAMistake << " seeds";
}

INSTANTIATE_TEST_SUITE_P(KnownFromOtherReplicators, SimulationWithAMistake,
                         ::testing::Values(std::pair{Mistake::kCheckpointAtLastRead, "not at rest"},
                                           std::pair{Mistake::kChildrenDoNotWait, "before its parent"},
                                           std::pair{Mistake::kSupersededNotAcknowledged, "no progress"},
                                           std::pair{Mistake::kRetriesDropped, "not at rest"},
                                           std::pair{Mistake::kShardEndBeforeDrained, "not at rest"},
                                           std::pair{Mistake::kLatestTakenAgain, "not at rest"}));

}  // namespace
}  // namespace dynamirror::sim
