// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "sim/segment_process.hpp"
#include "sim/segment_world.hpp"

namespace dynamirror::sim {

/// One run: a table, and workers that copy or dump it by segments under random faults, then quiet. Everything follows
/// from the seed.
class SegmentSimulation {
 public:
  struct Figures {
    std::size_t workers = 0;  ///< processes, in all
    std::size_t kills = 0;
    std::size_t pauses = 0;
    std::size_t actions_to_rest = 0;
  };

  explicit SegmentSimulation(std::uint64_t seed)
      : random_(seed),
        plan_(make_plan(random_)),
        table_(plan_.segments, plan_.most_slots, plan_.poison, random_),
        world_(table_, clock_, random_) {
    world_.shared = plan_.kind != Kind::kCopyAlone;
    world_.dumps = plan_.kind == Kind::kLeasedDump;
    world_.faults = plan_.faults;
  }

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run() {
    try {
      live();
    } catch (const SegmentViolation& violation) {
      return violation.what;
    }
    return std::nullopt;
  }

  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] const char* kind() const {
    return plan_.kind == Kind::kCopyAlone ? "copy" : plan_.kind == Kind::kLeasedCopy ? "leased copy" : "leased dump";
  }

 private:
  enum class Kind { kCopyAlone, kLeasedCopy, kLeasedDump };
  static constexpr std::chrono::seconds kFailover{4};
  static constexpr std::size_t kMostActionsToRest = 60'000;

  struct Plan {
    Kind kind = Kind::kCopyAlone;
    std::uint32_t segments = 1;
    std::size_t most_slots = 0;
    double poison = 0;
    std::size_t workers = 1;
    std::size_t actions = 0;
    std::size_t at_once = 1;
    CopyProcess::Options copy;
    SegmentFaults faults;
  };

  [[nodiscard]] static double some(Random& random, double most) {
    return random.chance(0.4) ? 0 : random.unit() * most;
  }

  [[nodiscard]] static Plan make_plan(Random& random) {
    Plan plan;
    const double kind = random.unit();
    plan.kind = kind < 0.3 ? Kind::kCopyAlone : kind < 0.8 ? Kind::kLeasedCopy : Kind::kLeasedDump;
    plan.segments = 1 + static_cast<std::uint32_t>(random.below(6));
    plan.most_slots = 1 + random.below(80);
    plan.poison = random.chance(0.4) ? 0.05 : 0;
    plan.workers = plan.kind == Kind::kCopyAlone ? 1 : 1 + random.below(4);
    plan.actions = 200 + random.below(2'000);
    plan.at_once = 1 + random.below(3);
    plan.copy = {.buffer = {.max_bytes = 300 + random.below(4'000),
                            .max_changes = 2 + random.below(60),
                            .max_uncovered = 30 + random.below(200)},
                 .wind_down_time = std::chrono::milliseconds{random.below(6'000)},
                 .max_writes = 1 + random.below(5),
                 .max_batch = 1 + random.below(25)};
    plan.faults = {.read_throttled = some(random, 0.4),
                   .write_throttled = some(random, 0.5),
                   .write_fails = some(random, 0.4),
                   .store_fails = some(random, 0.05),
                   .lease_lost = some(random, 0.3),
                   .lease_throttled = some(random, 0.3),
                   .pause = some(random, 0.01),
                   .stop = some(random, 0.004),
                   .kill = some(random, 0.008)};
    return plan;
  }

  void live() {
    for (std::size_t i = 0; i < plan_.workers; ++i) processes_.push_back(new_process());
    for (std::size_t i = 0; i < plan_.actions; ++i) act();
    world_.faults = {};
    while (!over()) {
      act();
      if (++figures_.actions_to_rest > kMostActionsToRest) SegmentWorld::trouble("no progress: the job does not end");
    }
  }

  /// Each process knows that all is done, and is right.
  [[nodiscard]] bool over() {
    return std::ranges::all_of(processes_, [](const auto& process) { return process->complete(); });
  }

  void act() {
    const bool leaps = random_.chance(0.01);
    clock_.advance(std::chrono::milliseconds{leaps ? random_.below(2'500) : 1 + random_.below(10)});
    world_.act();
    auto& process = processes_[random_.below(processes_.size())];
    if (process->paused() || process->complete()) return;
    process->act();
    if (process->complete()) return;
    if (process->stopping() && (process->idle() || random_.chance(0.01))) {
      process->close();
      process = new_process();
    } else if (process->failed() || random_.chance(world_.faults.kill)) {
      ++figures_.kills;
      process->die();
      process = new_process();
    } else if (!process->stopping() && random_.chance(world_.faults.stop)) {
      process->stop();
    } else if (random_.chance(world_.faults.pause)) {
      ++figures_.pauses;
      process->pause(clock_.steady_now() + std::chrono::milliseconds{random_.below(10'000)});
    }
  }

  [[nodiscard]] std::unique_ptr<SegmentProcess> new_process() {
    const std::string id = "worker-" + std::to_string(figures_.workers);
    std::unique_ptr<SimSegmentKeeper> keeper;
    if (plan_.kind == Kind::kCopyAlone) {
      keeper = std::make_unique<AloneSegments>(world_);
    } else {
      keeper = std::make_unique<SharedSegmentKeeper>(world_, id, kFailover);
    }
    ++figures_.workers;
    std::unique_ptr<SegmentProcess> process;
    if (plan_.kind == Kind::kLeasedDump) {
      process = std::make_unique<TaskProcess>(world_, id, std::move(keeper), plan_.at_once);
    } else {
      process = std::make_unique<CopyProcess>(world_, id, std::move(keeper), plan_.copy);
    }
    process->start();
    return process;
  }

  Random random_;
  Plan plan_;
  ManualClock clock_;
  SegmentTable table_;
  SegmentWorld world_;
  std::vector<std::unique_ptr<SegmentProcess>> processes_;
  Figures figures_;
};

}  // namespace dynamirror::sim
