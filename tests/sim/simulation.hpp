// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "sim/fleet.hpp"
#include "sim/invariants.hpp"
#include "sim/replication.hpp"
#include "sim/source_stream.hpp"
#include "sim/stream_service.hpp"

namespace dynamirror::sim {

/// One run: a source table under a random workload, a replication under random faults and crashes, then quiet.
/// Everything follows from the seed.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : random_(seed),
        plan_(make_plan(random_, seed)),
        source_(plan_.keys, plan_.partitions, plan_.poison, random_),
        faults_(plan_.faults),
        service_(source_, faults_, random_),
        invariants_(source_, durable_, make_history()),
        fleet_(source_, durable_, invariants_, faults_, clock_, random_) {
    if (plan_.job.keys_only) fleet_.apply_by_key();
  }

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run() {
    try {
      live();
    } catch (const Violation& violation) {
      return violation.what;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t shards() const { return source_.shards().size(); }
  [[nodiscard]] Version changes() const { return source_.version(); }
  [[nodiscard]] int crashes() const { return crashes_; }
  [[nodiscard]] std::size_t dead_letters() const { return durable_.dead_letters.size(); }
  [[nodiscard]] std::size_t actions_to_rest() const { return actions_ - actions_at_quiet_; }
  /// The share of the actions it was given that it needed to come to rest.
  [[nodiscard]] double slowness() const {
    return static_cast<double>(actions_to_rest()) / static_cast<double>(most_actions_to_rest());
  }

 private:
  static constexpr int kActionsPerLook = 16;

  struct Plan {
    int keys = 1;
    int partitions = 1;
    double poison = 0;
    double writes = 0;      ///< per step
    double shard_ends = 0;  ///< per step
    double trims = 0;       ///< per step
    int history = 0;        ///< steps before there is a job
    int steps = 0;
    std::size_t max_shards = 20;
    Faults faults;
    Replication::Options job;
  };

  [[nodiscard]] static double some(Random& random, double most) {
    return random.chance(0.5) ? 0 : random.unit() * most;
  }

  [[nodiscard]] static Faults make_faults(Random& random) {
    return {.stale_listing = some(random, 0.9),
            .shard_left_out = some(random, 0.5),
            .closed_shown_open = some(random, 0.5),
            .listing_throttled = some(random, 0.6),
            .read_throttled = some(random, 0.3),
            .iterator_expired = some(random, 0.2),
            .empty_page = some(random, 0.5),
            .write_throttled = some(random, 0.5),
            .write_fails = some(random, 0.3),
            .store_fails = some(random, 0.05),
            .lease_lost = some(random, 0.1),
            .lease_wanted = some(random, 0.05),
            .others_work = some(random, 0.3),
            .stop = some(random, 0.01),
            .crash = some(random, 0.02)};
  }

  [[nodiscard]] static Plan make_plan(Random& random, std::uint64_t seed) {
    Plan plan;
    plan.keys = 4 + static_cast<int>(random.below(40));
    plan.partitions = 1 + static_cast<int>(random.below(4));
    plan.poison = random.chance(0.3) ? 0.01 : 0;
    plan.writes = 0.1 + random.unit() * 1.5;
    plan.shard_ends = random.unit() * 0.04;
    plan.trims = random.unit() * 0.2;
    plan.history = random.chance(0.5) ? static_cast<int>(random.below(150)) : 0;
    plan.steps = 100 + static_cast<int>(random.below(900));
    plan.faults = make_faults(random);
    if (random.chance(0.08)) {  // a table of many shards, which needs several listing pages and generations
      plan.max_shards = 200;
      plan.shard_ends = 0.3 + random.unit() * 0.3;
    }
    using Initial = ordering::ShardGraph::InitialPosition;
    plan.job.initial = random.chance(0.6) ? Initial::kTrimHorizon : Initial::kLatest;
    plan.job.buffer = {.max_bytes = 1'000 + random.below(20'000),
                       .max_changes = 5 + random.below(200),
                       .max_uncovered = 30 + random.below(500)};
    plan.job.page_shards = 1 + random.below(100);
    plan.job.max_writes = 1 + random.below(8);
    plan.job.max_batch = 1 + random.below(25);
    if (random.chance(0.3)) {
      plan.job.shared = true;
      plan.job.initial = Initial::kTrimHorizon;
      plan.poison = 0;  // each worker has its own dead letters
    }
    if (seed % 4 == 3) {
      plan.job.keys_only = true;
      plan.poison = 0;  // it is the target's to refuse an image, and here they are others than the stream's
    }
    return plan;
  }

  /// What happened before there was a job, and what of it the job need not read: at TRIM_HORIZON what is trimmed, at
  /// LATEST all. The target has that already, as if copied.
  [[nodiscard]] Invariants::Start make_history() {
    for (int step = 0; step < plan_.history; ++step) {
      if (random_.chance(plan_.writes)) source_.write();
      if (random_.chance(plan_.shard_ends) && source_.shards().size() < plan_.max_shards) source_.end_a_shard();
    }
    const bool latest = plan_.job.initial == ordering::ShardGraph::InitialPosition::kLatest;
    Invariants::Start start{.floor = latest ? source_.version() : 0, .exempt = {}};
    for (std::size_t i = 0; i < source_.shards().size(); ++i) {
      const TrueShard& shard = source_.shards()[i];
      if (shard.closed && source_.oldest_of_its_line(i) && random_.chance(0.6)) source_.trim(i);
      if (shard.trimmed || (latest && shard.closed)) start.exempt.insert(shard.id);
      if (!shard.trimmed && !latest) continue;
      for (const Record& record : shard.records) durable_.target[record.key] = {record.version, record.image};
    }
    started_ = !latest;
    return start;
  }

  /// An orderly stop, and another process.
  void start_anew() {
    for (const jobs::SafeShard& left : job_->stop()) invariants_.check_left_in_order(left.shard, left.sequence);
    start_process();
  }

  void live() {
    start_process();
    for (int step = 0; step < plan_.steps; ++step) {
      work_on_source();
      act(1 + static_cast<int>(random_.below(4)));
    }
    faults_ = Faults{};
    actions_at_quiet_ = actions_;
    job_->forget_caught_up();  // what shows it is to be seen in the quiet
    for (const std::size_t actions = most_actions_to_rest(); actions_to_rest() < actions;) {
      act(kActionsPerLook);
      if (job_->caught_up()) invariants_.check_equality();
      if (job_->caught_up() && invariants_.all_covered() && job_->idle()) return;
    }
    invariants_.trouble("no progress: not at rest " + std::to_string(actions_to_rest()) +
                        " actions after the last fault" + (invariants_.all_covered() ? "" : ", not all is covered") +
                        (job_->idle() ? "" : ", not idle"));
  }

  void start_process() {
    const World world{source_, service_, fleet_, faults_, durable_, invariants_, clock_, random_};
    job_ = std::make_unique<Replication>(plan_.job, world, ++processes_);
    invariants_.process_started();
  }

  void work_on_source() {
    // A start at LATEST is exact only while nothing is written until each open shard's position is taken.
    started_ = started_ || (!durable_.rows.empty() && !job_->awaits_latest());
    if (!started_) return;
    for (double writes = plan_.writes; writes > 0; writes -= 1) {
      if (random_.chance(writes)) source_.write();
    }
    if (random_.chance(plan_.shard_ends) && source_.shards().size() < plan_.max_shards) source_.end_a_shard();
    if (random_.chance(plan_.trims)) trim_one();
  }

  /// The oldest shard of a line goes, when nobody needs it: to lose data is not simulated here.
  void trim_one() {
    for (std::size_t i = 0; i < source_.shards().size(); ++i) {
      const TrueShard& shard = source_.shards()[i];
      const bool not_wanted = invariants_.exempt(shard) && !job_->saving() && is_left_alone(i);
      const bool done = (durable_.ever_finished.contains(shard.id) && !job_->reads(shard.id)) || not_wanted;
      if (shard.trimmed || !shard.closed || !done || !source_.oldest_of_its_line(i)) continue;
      source_.trim(i);
      return;
    }
  }

  /// A process that starts anew takes on whatever a listing shows, but for the ancestors of shards that were begun:
  /// what an earlier one has left alone at LATEST is not remembered.
  [[nodiscard]] bool is_left_alone(std::size_t ancestor) const {
    return std::ranges::any_of(durable_.rows, [&](const auto& entry) {
      const model::Checkpoint& checkpoint = entry.second.checkpoint;
      if (model::is_beginning(checkpoint) || std::holds_alternative<model::Latest>(checkpoint)) return false;
      std::optional<std::size_t> parent = source_.shards()[source_.index_of(entry.first)].parent;
      while (parent && *parent != ancestor) parent = source_.shards()[*parent].parent;
      return parent.has_value();
    });
  }

  void act(int actions) {
    for (int i = 0; i < actions; ++i) {
      clock_.advance(std::chrono::milliseconds{random_.chance(0.03) ? random_.below(3'000) : 1 + random_.below(10)});
      if (plan_.job.shared) fleet_.act();
      job_->act(static_cast<int>(random_.below(Replication::kActions)));
      job_->check();
      ++actions_;
      if (random_.chance(faults_.crash)) {
        job_->die();
        start_process();
        ++crashes_;
      } else if (job_->failed() || random_.chance(faults_.stop)) {
        start_anew();
      }
    }
  }

  /// A shard needs some hundred actions to be listed, read, written and saved, when chance has to choose the action
  /// that helps and the reader, and its parents come first; about 1.6 times what the slowest of 60,000 seeds took (200
  /// shards, nearly one after the other).
  [[nodiscard]] std::size_t most_actions_to_rest() const {
    return 10'000 + 600 * source_.shards().size() + 40 * static_cast<std::size_t>(source_.version());
  }

  Random random_;
  Plan plan_;
  ManualClock clock_;
  Durable durable_;
  SourceStream source_;
  Faults faults_;
  StreamService service_;
  bool started_ = true;
  Invariants invariants_;
  Fleet fleet_;
  std::unique_ptr<Replication> job_;
  int processes_ = 0;
  int crashes_ = 0;
  std::size_t actions_ = 0;
  std::size_t actions_at_quiet_ = 0;
};

}  // namespace dynamirror::sim
