// SPDX-License-Identifier: Apache-2.0
#include "sim/lease_member.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

namespace dynamirror::sim {

using coordination::Lease;
using coordination::LeaseRows;
using coordination::LeaseWrite;
using Kind = LeaseWrite::Kind;

double scan_units(std::size_t rows) {
  constexpr double kRowBytes = 300;
  constexpr double kPageBytes = 1024 * 1024;
  const double bytes = static_cast<double>(rows) * kRowBytes;
  const double full_pages = std::floor(bytes / kPageBytes);
  const auto units = [](double of_bytes) { return 0.5 * std::max(1.0, std::ceil(of_bytes / 4096)); };
  return full_pages * units(kPageBytes) + units(bytes - full_pages * kPageBytes);
}

LeaseMember::LeaseMember(LeaseWorld& world, std::string id, SkewedClock clock, std::uint64_t seed, bool cleans_up)
    : LeaseProcess(world, id, clock),
      random_(seed),
      worker_({.worker_id = id,
               .failover = world.failover,
               .max_steals = world.write_in_other_form ? 0 : seed % 2,
               .hands_over = !world.write_in_other_form},
              random_, clock.local(world.agenda.now())),
      cleans_up_(cleans_up) {
  wake_at(world_.agenda.now());
}

void LeaseMember::kill() {
  alive_ = false;
  works_.clear();
}

void LeaseMember::stop() {
  deliver([this] {
    stopping_ = true;
    worker_.stop();
    pump();
  });
}

void LeaseMember::wake_at(Duration when) {
  if (when >= wake_) return;
  wake_ = when;
  world_.agenda.at(when, [this, when] {
    deliver([this, when] {
      if (wake_ != when) return;  // an earlier one has come
      wake_ = Duration::max();
      pump();
    });
  });
}

void LeaseMember::pump() {
  for (int turn = 0; turn < 1'000 && alive_; ++turn) {
    const auto jobs = worker_.take_jobs(local());
    for (const auto& job : jobs) start(job);
    const auto events = worker_.take_events();
    for (const auto& event : events) handle(event);
    if (pump_work() || !jobs.empty() || !events.empty()) continue;
    if (stopping_ && worker_.held() == 0) {
      kill();
      return;
    }
    if (!works_.empty()) wake_at(world_.agenda.now() + world_.part(0.1));
    const SteadyTime wake = worker_.next_wake();
    if (wake <= local()) world_.invariants.trouble(id_ + " wants to be woken in the past");
    if (wake != kNoDeadline) wake_at(clock_.truly(wake));
    return;
  }
  if (alive_) world_.invariants.trouble(id_ + " finds no rest");
}

// ---- requests to the lease table

void LeaseMember::start(const Worker::Job& job) {
  if (const auto* write = std::get_if<Worker::Write>(&job.what)) {
    start_write(job.id, write->write, write->not_after);
  } else {
    start_read(job);
  }
}

void LeaseMember::start_read(const Worker::Job& job) {
  const Duration now = world_.agenda.now();
  const bool is_scan = std::holds_alternative<Worker::Scan>(job.what);
  if (world_.random.chance(is_scan ? world_.faults.scan_fails : world_.faults.lost)) {
    world_.agenda.at(now + world_.part(world_.random.unit() / 3), [this, id = job.id, is_scan] {
      deliver([this, id, is_scan] {
        is_scan ? worker_.scanned(id, local(), std::nullopt) : worker_.got(id, local(), false, std::nullopt);
        pump();
      });
    });
    return;
  }
  world_.agenda.at(now + world_.latency(), [this, job] { read(job); });
}

void LeaseMember::read(const Worker::Job& job) {
  const Duration answered = world_.agenda.now() + world_.latency();
  if (const auto* scan = std::get_if<Worker::Scan>(&job.what)) {
    const auto is_stale = [this] { return world_.faults.stale > 0 && world_.random.chance(world_.faults.stale); };
    LeaseRows rows = world_.table.scan(scan->share, world_.part(0.05), is_stale);
    ++scans_;
    read_units_ += scan_units(rows.leases.size());
    if (world_.mistake == LeaseMistake::kParentsIgnored) {
      for (Lease& lease : rows.leases) lease.parents.clear();
    }
    auto answer = [this, id = job.id, rows = std::make_shared<LeaseRows>(std::move(rows))] {
      deliver([this, id, rows] {
        worker_.scanned(id, local(), std::move(*rows));
        pump();
      });
    };
    world_.agenda.at(answered, std::move(answer));
    return;
  }
  const std::string& key = std::get<Worker::Get>(job.what).key;
  ++gets_;
  read_units_ += 1;  // strongly consistent
  const bool stale = world_.mistake == LeaseMistake::kStaleLooks;
  const auto row = stale ? world_.table.get_stale(key, world_.failover) : world_.table.get(key);
  world_.agenda.at(answered, [this, id = job.id, row] {
    deliver([this, id, row] {
      worker_.got(id, local(), true, row);
      pump();
    });
  });
}

void LeaseMember::start_write(std::uint64_t id, const LeaseWrite& write, SteadyTime not_after) {
  using Answer = Worker::Answer;
  Random& random = world_.random;
  const Duration now = world_.agenda.now();
  const SteadyTime begun = local();
  const WallTime wall = world_.wall_clock(clock_.wall);
  const Duration limit = clock_.truly(not_after);
  if (limit <= now || random.chance(world_.faults.throttled)) {
    const Duration answered = std::max(now, std::min(limit, now + world_.latency()));
    answer_write(answered, id, write, begun, not_after, Answer::kNotSent);
    return;
  }
  if (random.chance(world_.faults.lost)) {
    // The connection breaks, or nothing is heard until the end.
    const auto range = static_cast<double>((limit - now).count());
    const Duration gives_up =
        random.chance(0.5) ? limit : now + Duration(static_cast<std::int64_t>(range * random.unit()));
    const auto late = static_cast<double>((gives_up + world_.tail() - now).count());
    if (random.chance(0.5)) {
      world_.agenda.at(now + Duration(static_cast<std::int64_t>(late * random.unit())),
                       [this, write, wall] { (void)world_.write(write, wall); });
    }
    answer_write(gives_up, id, write, begun, not_after, Answer::kUnknown);
    return;
  }
  const Duration lands = std::min(now + world_.latency(), limit + world_.tail());
  const Duration answered = lands + world_.latency();
  if (answered > limit) answer_write(limit, id, write, begun, not_after, Answer::kUnknown);
  world_.agenda.at(lands, [this, id, write, wall, begun, not_after, answered, in_time = answered <= limit] {
    const auto answer = world_.write(write, wall) ? Answer::kDone : Answer::kConflict;
    if (in_time) answer_write(answered, id, write, begun, not_after, answer);
  });
}

void LeaseMember::answer_write(Duration when, std::uint64_t id, const LeaseWrite& write, SteadyTime begun,
                               SteadyTime not_after, Worker::Answer answer) {
  using Answer = Worker::Answer;
  if (answer != Answer::kDone) {
    world_.note(id_, " will have ", static_cast<int>(answer), " for write of kind ", static_cast<int>(write.kind),
                " to ", write.key);
  }
  const LeaseMistake mistake = world_.mistake;
  if (answer == Answer::kUnknown && mistake == LeaseMistake::kSilenceIsSuccess) answer = Answer::kDone;
  const bool robs = answer == Answer::kDone && write.kind == Kind::kTake && !write.from.empty();
  const bool early = robs && mistake == LeaseMistake::kStealGrantedAtOnce;
  const bool from_answer = mistake == LeaseMistake::kCountsFromTheAnswer;
  world_.agenda.at(when, [this, id, begun, not_after, answer, early, from_answer] {
    deliver([this, id, begun, not_after, answer, early, from_answer] {
      SteadyTime now = local();
      // After a pause the timer and the answer are both there, and either may come first.
      const bool too_late = now > not_after && answer != Answer::kNotSent && world_.random.chance(0.5);
      if (early) now -= world_.failover;
      worker_.written(id, from_answer ? now : begun, now, too_late ? Answer::kUnknown : answer);
      pump();
    });
  });
}

// ---- work

void LeaseMember::handle(const Worker::Event& event) {
  if (const auto* granted = std::get_if<Worker::Granted>(&event)) {
    world_.note(id_, " granted ", granted->lease.key);
    begin(granted->lease);
  } else if (const auto* lost = std::get_if<Worker::Lost>(&event)) {
    world_.note(id_, " lost ", lost->key);
    if (world_.mistake != LeaseMistake::kLostIgnored) works_.erase(lost->key);
  } else if (const auto* wind_down = std::get_if<Worker::WindDown>(&event)) {
    world_.note(id_, " winds down ", wind_down->key);
    const auto at = works_.find(wind_down->key);
    if (at != works_.end()) at->second->winding_down = true;
    if (at == works_.end() && !world_.has_work) worker_.drained(wind_down->key);
  } else if (const auto* read = std::get_if<Worker::RowsRead>(&event)) {
    if (!world_.has_work) return;
    rows_.clear();
    for (const Lease& lease : read->leases) rows_.emplace(lease.key, lease);
    synchronise();
    if (cleans_up_) clean_up();
  }
}

void LeaseMember::begin(const Lease& lease) {
  if (!world_.has_work) return;
  works_.erase(lease.key);
  ShardWork::Host host;
  host.deliver = [this](std::function<void()> what) { deliver(std::move(what)); };
  host.attend = [this] { wake_at(world_.agenda.now()); };
  host.may_write = [this, key = lease.key] { return alive_ && permitted_until(key) > world_.agenda.now(); };
  works_.emplace(lease.key, std::make_shared<ShardWork>(world_, lease, std::move(host)));
}

/// In true time.
Duration LeaseMember::permitted_until(const std::string& key) const {
  const auto until = worker_.write_until(key);
  if (!until) return world_.mistake == LeaseMistake::kLostIgnored ? Duration::max() : Duration::min();
  const bool greedy = world_.mistake == LeaseMistake::kNoMargin;
  return clock_.truly(*until + (greedy ? world_.failover / 8 : Duration{}));
}

bool LeaseMember::pump_work() {
  bool said = false;
  for (auto at = works_.begin(); at != works_.end();) {
    const auto& [key, work] = *at;
    work->send(permitted_until(key));
    worker_.checkpoint(key, work->checkpoint());
    const bool ends = work->at_end() && may_finish(work->shard());
    if (ends) {
      finish(key, work->shard());
    } else if (work->winding_down && work->idle()) {
      world_.note(id_, " drained ", key);
      worker_.drained(key);
    } else {
      ++at;
      continue;
    }
    at = works_.erase(at);
    said = true;
  }
  return said;
}

/// A child of two parents must not get a lease before both of them have one: it would not wait for the other.
bool LeaseMember::may_finish(std::size_t shard) const {
  const auto& shards = world_.shards;
  return std::ranges::all_of(shards[shard].children, [&](std::size_t child) {
    return rows_.contains(shards[child].id) || std::ranges::all_of(shards[child].parents, [&](std::size_t parent) {
             return parent == shard || rows_.contains(shards[parent].id);
           });
  });
}

void LeaseMember::finish(const std::string& key, std::size_t shard) {
  std::vector<Lease> children;
  for (const std::size_t child : world_.shards[shard].children) {
    Lease lease{.key = world_.shards[child].id, .checkpoint = "TRIM_HORIZON"};
    for (const std::size_t parent : world_.shards[child].parents) lease.parents.push_back(world_.shards[parent].id);
    children.push_back(std::move(lease));
  }
  if (world_.mistake == LeaseMistake::kChildrenForgotten) children.clear();
  worker_.finish(key, std::move(children));
}

/// Creates the leases of open shards that have none, with their ancestors. What was born just now may not be listed.
void LeaseMember::synchronise() {
  std::vector<LeaseWrite> writes;
  for (const std::size_t shard : world_.shards.open()) {
    const bool young = world_.agenda.now() - world_.shards[shard].born < world_.part(0.5);
    if (young && world_.random.chance(0.5)) continue;
    need(shard, writes);
  }
  worker_.maintain(std::move(writes));
}

void LeaseMember::need(std::size_t shard, std::vector<LeaseWrite>& writes) const {
  const auto& one = world_.shards[shard];
  if (rows_.contains(one.id)) return;
  if (std::ranges::any_of(writes, [&](const LeaseWrite& write) { return write.key == one.id; })) return;
  LeaseWrite write{.kind = Kind::kCreate, .key = one.id};
  write.checkpoint = "TRIM_HORIZON";
  for (const std::size_t parent : one.parents) {
    write.parents.push_back(world_.shards[parent].id);
    need(parent, writes);
  }
  writes.push_back(std::move(write));
}

/// As KCL's adapter from 2.2 on: a finished lease whose children have begun, and whose parents are gone. Some time
/// after, so that no request that creates it is still on its way.
void LeaseMember::clean_up() {
  std::vector<LeaseWrite> writes;
  for (const auto& [key, lease] : rows_) {
    if (!lease.done() || lease.children.empty()) continue;
    const auto since = done_since_.emplace(key, world_.agenda.now()).first->second;
    if (world_.agenda.now() - since < world_.part(3)) continue;
    const bool begun = std::ranges::all_of(lease.children, [&](const std::string& child) {
      const auto at = rows_.find(child);
      return at != rows_.end() && at->second.checkpoint != "TRIM_HORIZON";
    });
    const bool oldest =
        std::ranges::none_of(lease.parents, [&](const std::string& key) { return rows_.contains(key); });
    if (begun && oldest) writes.push_back({.kind = Kind::kDelete, .key = key, .counter = lease.counter});
  }
  worker_.maintain(std::move(writes));
}

}  // namespace dynamirror::sim
