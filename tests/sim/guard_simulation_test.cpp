// SPDX-License-Identifier: Apache-2.0
//
// Goal: a feed whose changes come twice and out of order (Kinesis Data Streams for DynamoDB) leaves a replica that
// equals the table when it is quiet, and no image is ever put over a newer one, whatever happens to the workers.
// Method: the real ChangeBuffer and GuardedWrite, step by step and in any order, with a feed that is shuffled within
// minutes, both precisions of its times, clocks that differ within the margin, lost answers, replays and writes that
// land late. `DYNAMIRROR_SIM_SEEDS=N` runs N seeds, `DYNAMIRROR_SIM_SEED=N` only that one.
#include "sim/guard_simulation.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace dynamirror::sim {
namespace {

constexpr std::uint64_t kDefaultSeeds = 10'000;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(GuardSimulation, TheReplicaEqualsTheTableAndNoImageGoesBack) {
  const auto only = number_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : number_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultSeeds);
  GuardSimulation::Figures all;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    GuardSimulation simulation(seed);
    const auto violation = simulation.run();
    ASSERT_FALSE(violation) << *violation << "\nreplay: ./dev sim --seed " << seed;
    const auto& figures = simulation.figures();
    all.changes += figures.changes;
    all.events += figures.events;
    all.fast += figures.fast;
    all.reads += figures.reads;
    all.superseded += figures.superseded;
    all.workers += figures.workers;
  }
  EXPECT_GT(all.fast, 0u);
  EXPECT_GT(all.reads, 0u);
  EXPECT_GT(all.superseded, 0u);
  std::cout << seeds << " seeds: " << all.changes << " changes came as " << all.events << ", " << all.fast
            << " images put without a read, " << all.reads << " reads, " << all.superseded << " found moot, "
            << all.workers << " workers\n";
}

TEST(GuardSimulation, WithoutTheGuardTheFeedLeavesAnotherTable) {
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    GuardSimulation simulation(seed, false);
    if (simulation.run()) ++wrong;
  }
  EXPECT_GT(wrong, 30u) << "otherwise the feed is too tame to show anything";
}

}  // namespace
}  // namespace dynamirror::sim
