// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever happens on the way (splits, trims, poor listings, throttling, lost answers, a full disk, leases that
// come and go, orderly stops and crashes at any moment, streams that tell keys only), no change is lost, reordered or
// covered too early, memory stays bounded, and when the source goes quiet the target equals it. Method: the classes
// that decide in the real job (ReplicationCore, WriteCore, ShardLedger, ShardSync, ReadPosition) against models of the
// stream, the target, the state file and the other workers; a seed makes the workload and the faults, and replays them.
// That it can fail is shown by sim/mutants.mjs, which plants mistakes in those classes. `DYNAMIRROR_SIM_SEEDS=N` runs N
// seeds, `DYNAMIRROR_SIM_SEED=N` only that one.
#include "sim/simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "base/log.hpp"

namespace dynamirror::sim {
namespace {

/// Dead letters are nothing that needs saying here.
const bool kQuiet = [] {
  log::configure(log::Level::kOff, log::Format::kText);
  return true;
}();

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

}  // namespace
}  // namespace dynamirror::sim
