// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever happens to workers that copy or dump a table by segments (throttling, lost answers, a full disk,
// leases lost and regained, processes that stand still, orderly stops and kills between any two steps), every item is
// written before its segment's position passes it, nothing is written by a worker whose lease is another's, what is
// read goes on where it is durable, memory stays bounded, and the job says that it is done when it is. Method: the
// classes that decide in the real jobs (CopyCore, TaskCore, WriteCore, SegmentTurns, SegmentLedger, SharedSegments,
// LeaseWorker) against models of the table, the target, the state file and the lease table; a seed makes the table and
// the faults, and replays them. That it can fail is shown by sim/mutants.mjs. `DYNAMIRROR_SIM_SEEDS=N` runs N seeds,
// `DYNAMIRROR_SIM_SEED=N` only that one.
#include "sim/segment_simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "base/log.hpp"

namespace dynamirror::sim {
namespace {

const bool kQuiet = [] {
  log::configure(log::Level::kOff, log::Format::kText);
  return true;
}();

constexpr std::uint64_t kDefaultSeeds = 1'000;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::stoull(text);
}

TEST(SegmentSimulation, EveryItemIsWrittenBeforeItsSegmentIsDone) {
  const auto only = number_from_environment("DYNAMIRROR_SIM_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t seeds = only ? 1 : number_from_environment("DYNAMIRROR_SIM_SEEDS").value_or(kDefaultSeeds);
  SegmentSimulation::Figures all;
  std::map<std::string, int> kinds;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    SegmentSimulation simulation(seed);
    const auto violation = simulation.run();
    ASSERT_FALSE(violation) << *violation << " (" << simulation.kind() << ")\nreplay: ./dev sim --seed " << seed;
    const auto& figures = simulation.figures();
    ++kinds[simulation.kind()];
    all.workers += figures.workers;
    all.kills += figures.kills;
    all.pauses += figures.pauses;
    all.actions_to_rest = std::max(all.actions_to_rest, figures.actions_to_rest);
  }
  std::cout << seeds << " seeds:";
  for (const auto& [kind, count] : kinds) std::cout << " " << count << " of a " << kind << ",";
  std::cout << " " << all.workers << " processes, " << all.kills << " kills, " << all.pauses
            << " pauses; the slowest took " << all.actions_to_rest << " actions to come to rest\n";
}

TEST(SegmentSimulation, ASeedReplaysExactly) {
  for (const std::uint64_t seed : {3, 14, 15}) {
    SegmentSimulation first(seed);
    SegmentSimulation second(seed);
    ASSERT_EQ(first.run(), second.run());
    EXPECT_EQ(first.figures().workers, second.figures().workers);
    EXPECT_EQ(first.figures().actions_to_rest, second.figures().actions_to_rest);
  }
}

}  // namespace
}  // namespace dynamirror::sim
