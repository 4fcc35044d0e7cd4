// SPDX-License-Identifier: Apache-2.0
//
// Goal: tables that are all written end equal, the greatest version wins, a write made on top of another one wins over
// it, the replicator never replaces a newer state, no deleted item comes back, and writes end.
// Method: multimaster_simulation.hpp. `DYNAMIRROR_SIM_SEEDS=N` runs N seeds, `DYNAMIRROR_SIM_SEED=N` only that one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "sim/multimaster_simulation.hpp"

namespace dynamirror::sim {
namespace {

constexpr std::uint64_t kDefaultSeeds = 4'000;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(MultimasterSimulation, TablesThatAreAllWrittenEndEqualWithTheLatestWrite) {
  const auto only = number_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : number_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultSeeds);
  MultimasterSimulation::Figures all;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    MultimasterSimulation simulation(seed);
    const auto violation = simulation.run();
    ASSERT_FALSE(violation) << *violation << "\nreplay: ./dev sim --seed " << seed;
    const auto& figures = simulation.figures();
    all.writes += figures.writes;
    all.replicator_writes += figures.replicator_writes;
    all.conflicts += figures.conflicts;
    all.kills += figures.kills;
    all.waits += figures.waits;
    all.raised += figures.raised;
  }
  if (!only) {
    EXPECT_GT(all.conflicts, 0u);
  }
  std::cout << seeds << " seeds: " << all.writes << " writes of applications, " << all.replicator_writes
            << " of the replicator, " << all.conflicts << " conflicts, " << all.raised << " versions raised, "
            << all.waits << " waits, " << all.kills << " kills\n";
}

}  // namespace
}  // namespace dynamirror::sim
