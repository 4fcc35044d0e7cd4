// SPDX-License-Identifier: Apache-2.0
#include "sim/lease_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "coordination/lease_names.hpp"
#include "support/worker_name.hpp"

namespace dynamirror::sim {

using coordination::Lease;

namespace {

constexpr double kStep = 0.05;  // of the fail-over time: how often something is done to the workers

double some(Random& random, double most) { return random.chance(0.4) ? 0 : random.unit() * most; }

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof(text), "%08llx", static_cast<unsigned long long>(number & 0xffffffff));
  return text;
}

}  // namespace

LeaseSimulation::Plan LeaseSimulation::make_plan(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Plan plan;
  plan.workers = 2 + random.below(random.chance(0.1) ? 20 : 7);
  if (random.chance(0.25)) plan.kcl = 1 + random.below(2);
  plan.faulty = Duration(random.below(20) + 6);  // in fail-over times; scaled when these are known
  plan.writes = random.unit() * 0.5;
  plan.ends = some(random, 0.06);
  plan.kills = some(random, 0.02);
  plan.pauses = some(random, 0.04);
  plan.stops = some(random, 0.01);
  plan.joins = some(random, 0.02);
  plan.max_shards = 1 + random.below(random.chance(0.2) ? 40 : 16);
  plan.cleans_up = random.chance(0.3);
  plan.faults = {.throttled = some(random, 0.2),
                 .lost = some(random, 0.2),
                 .slow = some(random, 0.2),
                 .scan_fails = some(random, 0.2),
                 .stale = some(random, 0.2),
                 .target_throttled = some(random, 0.2),
                 .stall = some(random, 0.02)};
  return plan;
}

LeaseSimulation::LeaseSimulation(std::uint64_t seed, LeaseMistake mistake)
    : seed_(seed), plan_(make_plan(seed)), world_(seed, mistake, plan_.kcl == 0) {
  static constexpr int kFailoverSeconds[] = {3, 10, 60};
  world_.failover = std::chrono::seconds(kFailoverSeconds[world_.random.below(3)]);
  plan_.faulty = world_.failover * plan_.faulty.count();
  world_.faults = plan_.faults;
  make_shards();
  for (std::size_t i = 0; i < plan_.workers; ++i) add_worker();
  for (std::size_t i = 0; i < plan_.kcl; ++i) add_kcl();
}

/// A history: shards that ended before anyone came.
void LeaseSimulation::make_shards() {
  Random& random = world_.random;
  const std::size_t roots = 1 + random.below(std::max<std::size_t>(1, plan_.max_shards / 2));
  for (std::size_t i = 0; i < roots; ++i) world_.shards.add_root(1 + static_cast<int>(random.below(4)), {});
  const std::uint64_t steps = random.below(40);
  for (std::uint64_t step = 0; step < steps; ++step) {
    const auto open = world_.shards.open();
    world_.shards.write(open[random.below(open.size())]);
    if (random.chance(plan_.ends) && world_.shards.all().size() + 2 <= plan_.max_shards) world_.shards.end_one({});
  }
}

SkewedClock LeaseSimulation::make_clock() {
  Random& random = world_.random;
  return {.offset = std::chrono::seconds(1'000 + random.below(1'000'000)),
          .rate = 1 + (random.unit() - 0.5) * 0.02,
          .jump = {}};
}

void LeaseSimulation::add_worker() {
  const std::uint64_t number = world_.random.next();
  std::string id = support::worker_name(hex(number) + "-" + std::to_string(++names_));
  members_.push_back(std::make_unique<LeaseMember>(world_, std::move(id), make_clock(), number, plan_.cleans_up));
}

void LeaseSimulation::add_kcl() {
  kcl_.push_back(std::make_unique<KclMember>(world_, "kcl-" + std::to_string(++names_), make_clock()));
}

std::size_t LeaseSimulation::living() const {
  const auto lives = [](const auto& one) { return one->alive() && !one->stopping(); };
  return static_cast<std::size_t>(std::ranges::count_if(members_, lives) + std::ranges::count_if(kcl_, lives));
}

LeaseProcess* LeaseSimulation::some_process() {
  std::vector<LeaseProcess*> alive;
  for (const auto& one : members_) {
    if (one->alive()) alive.push_back(one.get());
  }
  for (const auto& one : kcl_) {
    if (one->alive()) alive.push_back(one.get());
  }
  return alive.empty() ? nullptr : alive[world_.random.below(alive.size())];
}

// ---- faults

void LeaseSimulation::fault_step() {
  if (!faulty_) return;
  Random& random = world_.random;
  const Duration now = world_.agenda.now();
  world_.agenda.at(now + world_.part(kStep), [this] { fault_step(); });

  const auto open = world_.shards.open();
  for (const std::size_t shard : open) {
    if (random.chance(plan_.writes / static_cast<double>(open.size()))) world_.shards.write(shard);
  }
  if (random.chance(plan_.ends) && world_.shards.all().size() + 2 <= plan_.max_shards) world_.shards.end_one(now);
  LeaseProcess* one = some_process();
  if (one != nullptr && random.chance(plan_.kills)) {
    world_.note(one->id(), " killed");
    one->kill();
    ++figures_.kills;
    const bool was_ours = coordination::is_our_worker(one->id());
    if (living() == 0 || random.chance(0.9)) was_ours ? add_worker() : add_kcl();
  }
  one = some_process();
  if (one != nullptr && random.chance(plan_.pauses)) {
    world_.note(one->id(), " paused");
    // All is well again when the faults end.
    one->pause(std::min(now + world_.part(random.unit() * 3), plan_.faulty));
    ++figures_.pauses;
  }
  one = some_process();
  if (one != nullptr && living() > 1 && random.chance(plan_.stops)) one->stop();
  if (living() < plan_.workers + 2 && random.chance(living() < 2 ? 0.5 : plan_.joins)) add_worker();
  if (world_.mistake == LeaseMistake::kWallClock && random.chance(0.02)) {
    one = some_process();
    if (one != nullptr) one->set_clock(world_.part(random.unit() * 3));
  }
}

// ---- what must be true

bool LeaseSimulation::has_owner(const Lease& lease) const {
  // While it is handed over, the last owner still works on it.
  const auto lives = [&](const auto& one) {
    return one->alive() && (one->id() == lease.owner || one->id() == lease.checkpoint_owner);
  };
  return std::ranges::any_of(members_, lives) || std::ranges::any_of(kcl_, lives);
}

/// From three fail-over times after the last fault on, no unfinished shard is without a living owner for more than a
/// moment: the time of finding it in a round, and of taking it.
void LeaseSimulation::watch_owners() {
  const Duration now = world_.agenda.now();
  // KCL alone takes leases every two fail-over times.
  const bool ours = std::ranges::any_of(members_, [](const auto& one) { return one->alive() && !one->stopping(); });
  if (watching_ && ours) {
    for (const auto& [key, lease] : world_.table.rows()) {
      if (lease.done() || has_owner(lease)) {
        ownerless_since_.erase(key);
      } else if (now - ownerless_since_.emplace(key, now).first->second > world_.part(0.6)) {
        world_.invariants.trouble(key + " has no living owner ('" + lease.owner + "') " +
                                  std::to_string((now - plan_.faulty) / world_.part(0.1)) +
                                  " tenths of the fail-over time after the last fault");
      }
    }
  }
  world_.agenda.at(now + world_.part(0.1), [this] { watch_owners(); });
}

bool LeaseSimulation::all_done() {
  const auto& shards = world_.shards;
  for (std::size_t i = 0; i < shards.all().size(); ++i) {
    if (world_.invariants.is_finished(i)) continue;
    if (shards[i].closed) return false;
    const auto row = world_.table.get(shards[i].id);
    if (!row) return false;
    if (!shards[i].records.empty() && LeaseInvariants::covered(*row) < shards[i].records.back().version) return false;
  }
  return true;
}

void LeaseSimulation::run_for(double failovers) {
  world_.agenda.run_until(world_.agenda.now() + world_.part(failovers), [this] { return failed(); });
}

/// A generation of shards needs to be found, taken and worked off; a hand-over may have to be waited for before.
void LeaseSimulation::come_to_rest() {
  const double hand_over = 30.0 / std::chrono::duration<double>(world_.failover).count();
  const double most = 40 + 2 * hand_over + 6 * static_cast<double>(world_.shards.all().size());
  for (double time = 0; time < most && !failed(); ++time) {
    if (all_done()) {
      figures_.rest = 3 + time;
      return;
    }
    run_for(1);
  }
  if (failed()) return;
  world_.invariants.trouble("no progress: not at rest long after the last fault");
}

std::optional<std::string> LeaseSimulation::run() {
  fault_step();
  world_.agenda.run_until(plan_.faulty, [this] { return failed(); });
  faulty_ = false;
  const double stale = world_.faults.stale;
  world_.faults = LeaseFaults{};
  world_.faults.stale = stale;  // that is no fault
  if (living() == 0) add_worker();
  run_for(3);
  watching_ = true;
  watch_owners();
  come_to_rest();
  if (failed()) return world_.invariants.violation();
  world_.invariants.check_target();
  // Every worker reads all rows once in a while, and steals of KCL go one by one.
  const double kcl_time = kcl_.empty() ? 0 : 3.0 * static_cast<double>(world_.shards.open().size());
  run_for(10 + 60.0 / std::chrono::duration<double>(world_.failover).count() + kcl_time);
  const std::uint64_t changes = world_.table.owner_changes();
  check_reads(8);
  if (world_.table.owner_changes() != changes) {
    world_.invariants.trouble("leases change owners though all is quiet: " +
                              std::to_string(world_.table.owner_changes() - changes) + " in 8 fail-over times");
  }
  check_loads();
  return world_.invariants.violation();
}

/// Lets time pass, and counts what each of our workers reads in it: a part of the table that shrinks as workers grow
/// three times a fail-over time, all of it a few times, and single rows only for what changes.
void LeaseSimulation::check_reads(double failovers) {
  std::map<const LeaseMember*, std::pair<std::uint64_t, std::uint64_t>> before;
  for (const auto& one : members_) before[one.get()] = {one->scans(), one->gets()};
  run_for(failovers);
  for (const auto& one : members_) {
    const auto scans = one->scans() - before[one.get()].first;
    const auto gets = one->gets() - before[one.get()].second;
    if (static_cast<double>(scans) > failovers * 4 + 2) {
      world_.invariants.trouble(one->id() + " scans " + std::to_string(scans) + " times though all is quiet");
    }
    if (gets > 0) world_.invariants.trouble(one->id() + " gets quiet rows " + std::to_string(gets) + " times");
  }
}

/// Loads differ by one at most: who has two less than another needs two to reach its share, and then asks for one.
/// KCL counts finished leases, too, so that with it nothing is promised.
void LeaseSimulation::check_loads() {
  if (!kcl_.empty() || failed()) return;
  std::map<std::string, std::size_t> loads;
  for (const auto& one : members_) {
    if (one->alive()) loads[one->id()] = 0;
  }
  for (const auto& [key, lease] : world_.table.rows()) {
    if (!lease.done()) ++loads[lease.owner];
  }
  const auto [least, most] = std::ranges::minmax_element(loads, {}, [](const auto& load) { return load.second; });
  if (most->second - least->second > 1) {
    world_.invariants.trouble(most->first + " has " + std::to_string(most->second) + " leases, " + least->first +
                              " only " + std::to_string(least->second));
  }
}

LeaseSimulation::Figures LeaseSimulation::figures() const {
  Figures figures = figures_;
  figures.workers = members_.size() + kcl_.size();
  figures.with_kcl = !kcl_.empty();
  figures.shards = world_.shards.all().size();
  for (const auto& shard : world_.shards.all()) figures.records += shard.records.size();
  figures.writes = world_.table.writes();
  figures.owner_changes = world_.table.owner_changes();
  for (const auto& one : members_) {
    figures.lost += one->worker().statistics().lost;
    figures.given_away += one->worker().statistics().given_away;
  }
  return figures;
}

}  // namespace dynamirror::sim
