// SPDX-License-Identifier: Apache-2.0
//
// Goal: old changes that are replayed onto a replica leave it equal to the table, whatever it held, also when a live
// replication writes it at the same time and items become again what they were.
// Method: the real ChangeBuffer and DifferingWrite, step by step and in any order, with lost answers, kills and
// replays. `DYNAMIRROR_SIM_SEEDS=N` runs N seeds, `DYNAMIRROR_SIM_SEED=N` only that one.
#include "sim/replay_simulation.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace dynamirror::sim {
namespace {

constexpr std::uint64_t kDefaultReplays = 10'000;

std::optional<std::uint64_t> replays_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(ReplaySimulation, TheReplicaEqualsTheTableAlsoBesideALiveReplication) {
  const auto only = replays_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : replays_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultReplays);
  ReplaySimulation::Figures all;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    ReplaySimulation simulation(seed);
    const auto violation = simulation.run();
    ASSERT_FALSE(violation) << *violation << "\nreplay: ./dev sim --seed " << seed;
    const auto& figures = simulation.figures();
    all.changes += figures.changes;
    all.written += figures.written;
    all.refused += figures.refused;
    all.again += figures.again;
    all.equal += figures.equal;
  }
  std::cout << seeds << " seeds: " << all.changes << " changes, " << all.written << " written, " << all.refused
            << " conditions refused, " << all.again << " changed after the write, " << all.equal << " equal\n";
  if (seeds < 100) return;
  EXPECT_GT(all.refused, 0u);
  EXPECT_GT(all.again, 0u);
  EXPECT_GT(all.equal, 0u);
}

}  // namespace
}  // namespace dynamirror::sim
