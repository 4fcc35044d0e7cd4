// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_worker.hpp"

#include <algorithm>

#include "coordination/impl/lease_worker_impl.hpp"

namespace dynamirror::coordination {
namespace {

/// A fleet that starts together must not let its first worker write to every row before the others have begun.
constexpr std::size_t kMostTakesAtOnce = 200;
constexpr int kUpkeepAttempts = 8;
constexpr std::size_t kMostUpkeepAtOnce = 100;
/// Scans of everything that all workers together make, beside those of their parts: one for so many of these.
constexpr int kFullScanEvery = 4;

}  // namespace

LeaseWorker::Impl::Impl(Options given, Random& source, SteadyTime now)
    : options(std::move(given)),
      random(source),
      seen(options.failover),
      scan_at(now),
      full_scan_at(now),
      rows_as_of(now) {}

LeaseWorker::LeaseWorker(Options options, Random& random, SteadyTime now)
    : impl_(std::make_unique<Impl>(std::move(options), random, now)) {}
LeaseWorker::~LeaseWorker() = default;

std::uint64_t LeaseWorker::Impl::add_job(std::vector<Job>& jobs, std::variant<Scan, Get, Write> what, Purpose purpose) {
  const std::uint64_t id = ++last_job;
  jobs_under_way.emplace(id, std::move(purpose));
  jobs.push_back({.id = id, .what = std::move(what)});
  return id;
}

std::vector<LeaseWorker::Job> LeaseWorker::take_jobs(SteadyTime now) {
  Impl& impl = *impl_;
  std::vector<Job> jobs;
  // Each turn moves the lease's due time beyond now, or drops it.
  while (!impl.due.empty() && impl.due.begin()->first <= now) {
    impl.look_after(impl.held.at(impl.due.begin()->second), now, jobs);
  }
  std::vector<std::string> getting;
  for (const auto& [key, acquiring] : impl.acquiring) {
    if (acquiring.job == 0 && acquiring.next_attempt <= now) getting.push_back(key);
  }
  for (const std::string& key : getting) impl.go_on(impl.acquiring.at(key), now, jobs);
  impl.start_upkeep(now, jobs);
  if (!impl.stopping && impl.scan_job == 0 && impl.scan_at <= now) impl.start_scan(now, jobs);
  return jobs;
}

SteadyTime LeaseWorker::next_wake() const {
  const Impl& impl = *impl_;
  SteadyTime wake = kNoDeadline;
  if (!impl.due.empty()) wake = impl.due.begin()->first;
  for (const auto& [key, acquiring] : impl.acquiring) {
    if (acquiring.job == 0) wake = std::min(wake, acquiring.next_attempt);
  }
  for (const Impl::Upkeep& upkeep : impl.upkeep) {
    if (impl.upkeep_jobs >= kMostUpkeepAtOnce) break;  // an answer comes before
    if (upkeep.job == 0 && !impl.waits_for_parents(upkeep.write)) wake = std::min(wake, upkeep.next_attempt);
  }
  if (!impl.stopping && impl.scan_job == 0) wake = std::min(wake, impl.scan_at);
  return wake;
}

std::vector<LeaseWorker::Event> LeaseWorker::take_events() { return std::exchange(impl_->events, {}); }

// ---- rounds

void LeaseWorker::Impl::start_scan(SteadyTime now, std::vector<Job>& jobs) {
  scanning_everything = share.shares == 1 || now >= full_scan_at;
  scan_begun = now;
  scan_job = add_job(jobs, Scan{scanning_everything ? LeaseShare{} : share}, {.what = Purpose::What::kScan});
}

void LeaseWorker::scanned(std::uint64_t id, SteadyTime now, const std::optional<LeaseRows>& rows) {
  Impl& impl = *impl_;
  impl.jobs_under_way.erase(id);
  impl.scan_job = 0;
  // After a pause rows are too old to conclude from them what is not there.
  if (!rows || now > impl.scan_begun + impl.options.failover) {
    impl.scan_at = now + impl.pause_after(3);
    return;
  }
  impl.seen.observe(*rows, impl.scanning_everything, now);
  if (impl.scanning_everything) impl.rows_as_of = impl.scan_begun;
  if (impl.scanning_everything) impl.events.emplace_back(RowsRead{rows->leases, rows->foreign});
  impl.wake_waiting(now);
  if (!impl.stopping) impl.take_turn(now);
}

void LeaseWorker::Impl::take_turn(SteadyTime now) {
  TakingOptions limits{
      .failover = options.failover, .max_leases = options.max_leases, .max_steals = options.max_steals};
  limits.hands_over = options.hands_over;
  const Taker taker{.worker = options.worker_id, .mine = mine(), .load = load(), .may_steal = scanning_everything};
  const TakingPlan plan = plan_taking(seen, taker, now, limits, random);
  std::size_t taken = 0;
  for (const Lease& lease : plan.take) {
    if (++taken > kMostTakesAtOnce) break;
    const bool wary = lease.owner == options.worker_id && robbed.contains(lease.key);
    acquire(lease, wary ? Acquiring::Way::kSteal : Acquiring::Way::kTake, now);
  }
  for (const Lease& lease : plan.steal) acquire(lease, Acquiring::Way::kSteal, now);
  for (const Lease& lease : plan.hand_over) acquire(lease, Acquiring::Way::kHandOver, now);
  if (plan.beside_others) keep_finished(now);
  plan_next_scan(plan, now);
  if (taken > kMostTakesAtOnce) scan_soon(now + options.failover / 10);
}

/// Alone with everything, there is nobody to watch. Otherwise once a round, and just when an owner that has stopped
/// renewing is due. Where one has died, others may have: then all rows are looked at, twice.
void LeaseWorker::Impl::plan_next_scan(const TakingPlan& plan, SteadyTime now) {
  const auto spread = [this](Duration interval) {
    return std::chrono::duration_cast<Duration>(interval * (0.9 + 0.2 * random.unit()));
  };
  bool alone = !held.empty() && acquiring.empty() && !plan.beside_others;
  bool worried = false;
  SteadyTime next = now + spread(watch());
  for (const auto& [key, row] : seen.all()) {
    if ((!alone && row.last_seen != now) || row.lease.done() || held.contains(key)) continue;
    alone = false;
    if (row.lease.owner.empty() || row.last_seen != now || now - row.counter_moved <= watch() * 4 / 5) continue;
    worried = true;
    const SteadyTime expires = row.counter_moved + options.failover + std::chrono::milliseconds(5);
    if (expires > now) next = std::min(next, expires);
  }
  share = seen.share_of(options.worker_id);
  if (scanning_everything) {
    const bool at_ease = plan.balanced && !worried;
    full_scan_at = now + (at_ease ? spread(watch() * kFullScanEvery * share.shares) : options.failover);
  } else if (worried && full_scan_at > now + options.failover) {
    full_scan_at = now;
    next = std::min(next, now + options.failover / 20);
  }
  scan_at = alone ? now + spread(options.failover * 2) : next;
}

std::unordered_set<std::string> LeaseWorker::Impl::mine() const {
  std::unordered_set<std::string> keys;
  for (const auto& [key, unused] : held) keys.insert(key);
  for (const auto& [key, unused] : acquiring) keys.insert(key);
  return keys;
}

std::size_t LeaseWorker::Impl::load() const {
  const auto stays = [](const auto& entry) {
    return entry.second.phase != Phase::kReleasing && entry.second.phase != Phase::kFinishing;
  };
  return acquiring.size() + static_cast<std::size_t>(std::ranges::count_if(held, stays));
}

Duration LeaseWorker::Impl::pause_after(int troubles) {
  const Duration first = options.failover / 100;
  const Duration longest = options.failover / 6;
  const Duration range = std::min<Duration>(longest, first * (1 << std::min(troubles, 8)));
  return std::chrono::duration_cast<Duration>(range * (0.5 + 0.5 * random.unit()));
}

// ---- rows that are nobody's

void LeaseWorker::maintain(std::vector<LeaseWrite> writes) {
  for (LeaseWrite& write : writes) impl_->keep_up(std::move(write), {});
}

void LeaseWorker::Impl::keep_up(LeaseWrite write, std::string for_key) {
  const bool creates = write.kind == LeaseWrite::Kind::kCreate;
  if (creates && for_key.empty() && creating.contains(write.key)) return;
  if (creates) creating.insert(write.key);
  const SteadyTime not_after = for_key.empty() ? rows_as_of + options.failover * 2 : kNoDeadline;
  upkeep.push_back({.write = std::move(write), .for_key = std::move(for_key), .not_after = not_after});
}

/// KCL renews finished leases as any other, and takes those that are not renewed: its workers would have their share in
/// what needs no work. Among ours they need no renewal.
void LeaseWorker::Impl::keep_finished(SteadyTime now) {
  for (const auto& [key, row] : seen.all()) {
    if (!row.lease.done() || row.lease.owner != options.worker_id || held.contains(key)) continue;
    if (std::ranges::any_of(upkeep, [&](const Upkeep& other) { return other.write.key == key; })) continue;
    LeaseWrite write{.kind = LeaseWrite::Kind::kRenew, .key = key, .counter = row.lease.counter};
    upkeep.push_back({.write = std::move(write), .for_key = {}, .not_after = now + options.failover});
  }
}

/// A child whose parent has no row starts at once: the parent's row has to be there before the child's.
bool LeaseWorker::Impl::waits_for_parents(const LeaseWrite& write) const {
  return write.kind == LeaseWrite::Kind::kCreate &&
         std::ranges::any_of(write.parents, [&](const std::string& parent) { return creating.contains(parent); });
}

void LeaseWorker::Impl::start_upkeep(SteadyTime now, std::vector<Job>& jobs) {
  for (auto task = upkeep.begin(); task != upkeep.end();) {
    const auto next = std::next(task);
    if (task->job == 0 && is_outdated(*task, now)) drop_upkeep(task);
    task = next;
  }
  for (Upkeep& task : upkeep) {
    if (upkeep_jobs >= kMostUpkeepAtOnce) return;
    if (task.job != 0 || task.next_attempt > now || waits_for_parents(task.write)) continue;
    const auto* row = seen.find(task.write.key);
    if (task.write.kind == LeaseWrite::Kind::kDelete && row != nullptr) task.write.counter = row->lease.counter;
    const SteadyTime not_after = std::min<SteadyTime>(task.not_after, now + options.failover);
    task.job = add_job(jobs, Write{task.write, not_after}, {.what = Purpose::What::kUpkeep});
    ++upkeep_jobs;
  }
}

/// A row that was not there long ago may have been created, finished and deleted since: it must not come again. The row
/// of a child, as long as its parent is ours, cannot have been.
bool LeaseWorker::Impl::is_outdated(const Upkeep& task, SteadyTime now) const {
  return task.for_key.empty() ? now >= task.not_after : !held.contains(task.for_key);
}

void LeaseWorker::Impl::drop_upkeep(std::list<Upkeep>::iterator task) {
  if (task->write.kind == LeaseWrite::Kind::kCreate) creating.erase(creating.find(task->write.key));
  upkeep.erase(task);
}

void LeaseWorker::Impl::upkeep_answered(std::uint64_t id, Answer answer, SteadyTime now) {
  const auto task = std::ranges::find(upkeep, id, &Upkeep::job);
  if (task == upkeep.end()) return;
  --upkeep_jobs;
  if (answer == Answer::kDone || answer == Answer::kConflict) {
    upkeep_done(task, answer == Answer::kDone, now);
    return;
  }
  // Creating and deleting are idempotent: what landed unseen ends as a conflict. A finished lease waits for its
  // children however long that takes, and a child's row for its parents'; the rest is found again at the next look.
  task->job = 0;
  task->next_attempt = now + pause_after(task->troubles);
  const bool needed = task->write.kind == LeaseWrite::Kind::kCreate &&
                      (held.contains(task->for_key) || std::ranges::any_of(upkeep, [&](const Upkeep& other) {
                         return std::ranges::find(other.write.parents, task->write.key) != other.write.parents.end();
                       }));
  if (++task->troubles < kUpkeepAttempts || needed) return;
  drop_upkeep(task);
}

void LeaseWorker::Impl::finished_renewed(const std::string& key, bool done, SteadyTime now) {
  const auto* row = seen.find(key);
  if (!done || row == nullptr) {
    seen.forget(key);  // somebody else's by now: the next look shows it
    return;
  }
  Lease renewed = row->lease;
  ++renewed.counter;
  seen.observe(renewed, now);
}

void LeaseWorker::Impl::upkeep_done(std::list<Upkeep>::iterator task, bool created, SteadyTime now) {
  const LeaseWrite write = std::move(task->write);
  const std::string for_key = std::move(task->for_key);
  upkeep.erase(task);
  if (write.kind == LeaseWrite::Kind::kDelete) seen.forget(write.key);
  if (write.kind == LeaseWrite::Kind::kRenew) finished_renewed(write.key, created, now);
  if (write.kind != LeaseWrite::Kind::kCreate) return;
  creating.erase(creating.find(write.key));
  if (for_key.empty()) {
    if (created) scan_soon(now + options.failover / 50);
    return;
  }
  const auto entry = held.find(for_key);
  if (entry == held.end()) return;
  Held& parent = entry->second;
  // Who created a child goes for it; one that was there may be anybody's.
  if (!created) std::erase_if(parent.children, [&](const Lease& child) { return child.key == write.key; });
  parent.children_left.erase(write.key);
  reschedule(parent, now);
}

// ---- what the work says

void LeaseWorker::checkpoint(const std::string& key, std::string checkpoint) {
  const auto entry = impl_->held.find(key);
  if (entry != impl_->held.end()) entry->second.checkpoint = std::move(checkpoint);
}

void LeaseWorker::checkpoint_now(const std::string& key, std::string checkpoint) {
  const auto entry = impl_->held.find(key);
  if (entry == impl_->held.end()) return;
  entry->second.checkpoint = std::move(checkpoint);
  entry->second.renew_at = SteadyTime::min();
  impl_->reschedule(entry->second, SteadyTime::min());
}

void LeaseWorker::finish(const std::string& key, std::vector<Lease> children) {
  Impl& impl = *impl_;
  const auto entry = impl.held.find(key);
  if (entry == impl.held.end()) return;
  Impl::Held& held = entry->second;
  held.phase = Impl::Phase::kFinishing;
  held.checkpoint = kShardEnd;
  held.children = std::move(children);
  held.lease.children.clear();
  for (const Lease& child : held.children) {
    held.children_left.insert(child.key);
    held.lease.children.push_back(child.key);
    LeaseWrite write{.kind = LeaseWrite::Kind::kCreate, .key = child.key};
    write.checkpoint = child.checkpoint;
    write.parents = child.parents;
    write.hash_keys = child.hash_keys;
    impl.keep_up(std::move(write), key);
  }
  impl.reschedule(held, SteadyTime::min());
}

void LeaseWorker::drained(const std::string& key) {
  const auto entry = impl_->held.find(key);
  if (entry == impl_->held.end() || entry->second.phase == Impl::Phase::kFinishing) return;
  entry->second.phase = Impl::Phase::kReleasing;
  impl_->reschedule(entry->second, SteadyTime::min());
}

void LeaseWorker::slept(Duration time, SteadyTime now) {
  for (auto& [key, held] : impl_->held) {
    held.renewed -= time;
    impl_->reschedule(held, now);
  }
}

void LeaseWorker::stop() {
  Impl& impl = *impl_;
  if (std::exchange(impl.stopping, true)) return;
  std::erase_if(impl.acquiring, [](const auto& entry) {
    return entry.second.job == 0 && !(entry.second.doubtful && entry.second.way != Impl::Acquiring::Way::kHandOver);
  });
  for (auto& [key, held] : impl.held) {
    if (held.phase == Impl::Phase::kWorking) {
      held.phase = Impl::Phase::kWindingDown;
      impl.events.emplace_back(WindDown{key});
    } else if (held.phase == Impl::Phase::kWaiting) {
      held.phase = Impl::Phase::kReleasing;
      impl.reschedule(held, SteadyTime::min());
    }
  }
}

std::optional<SteadyTime> LeaseWorker::write_until(const std::string& key) const {
  const auto entry = impl_->held.find(key);
  if (entry == impl_->held.end()) return std::nullopt;
  const Impl::Held& held = entry->second;
  if (held.phase != Impl::Phase::kWorking && held.phase != Impl::Phase::kWindingDown) return std::nullopt;
  return held.renewed + impl_->options.failover - impl_->margin();
}

std::size_t LeaseWorker::held() const { return impl_->held.size() + impl_->acquiring.size(); }

LeaseWorker::Statistics LeaseWorker::statistics() const {
  Statistics statistics = impl_->statistics;
  statistics.held = impl_->held.size();
  statistics.known = static_cast<std::size_t>(
      std::ranges::count_if(impl_->seen.all(), [](const auto& entry) { return !entry.second.lease.done(); }));
  return statistics;
}

// ---- answers

void LeaseWorker::got(std::uint64_t id, SteadyTime now, bool answered, const std::optional<Lease>& lease) {
  Impl& impl = *impl_;
  auto job = impl.jobs_under_way.extract(id);
  if (job.empty()) return;
  const Impl::Purpose& purpose = job.mapped();
  if (purpose.what == Impl::Purpose::What::kAcquireGet) {
    const auto entry = impl.acquiring.find(purpose.key);
    if (entry == impl.acquiring.end() || entry->second.job != id) return;
    entry->second.job = 0;
    if (answered) {
      impl.acquire_row_read(entry->second, lease, now);
    } else {
      entry->second.next_attempt = now + impl.pause_after(entry->second.troubles++);
    }
    return;
  }
  const auto entry = impl.held.find(purpose.key);
  if (entry == impl.held.end() || entry->second.job != id) return;
  Impl::Held& held = entry->second;
  held.job = 0;
  if (!answered) {
    held.not_before = now + impl.pause_after(held.troubles++);
  } else if (purpose.what == Impl::Purpose::What::kParentGet) {
    if (!lease || lease->done()) {
      held.finished_parents.insert(purpose.parent);
      held.parents_at = now;
    }
  } else {
    impl.held_row_read(held, lease, now);  // may end it
    return;
  }
  impl.reschedule(held, now);
}

void LeaseWorker::written(std::uint64_t id, SteadyTime begun, SteadyTime now, Answer answer) {
  Impl& impl = *impl_;
  auto job = impl.jobs_under_way.extract(id);
  if (job.empty()) return;
  const Impl::Purpose& purpose = job.mapped();
  if (answer == Answer::kConflict) ++impl.statistics.conflicts;
  if (purpose.what == Impl::Purpose::What::kUpkeep) {
    impl.upkeep_answered(id, answer, now);
  } else if (purpose.what == Impl::Purpose::What::kAcquireWrite) {
    const auto entry = impl.acquiring.find(purpose.key);
    if (entry == impl.acquiring.end() || entry->second.job != id) return;
    entry->second.job = 0;
    impl.acquire_written(entry->second, begun, now, answer);
  } else {
    const auto entry = impl.held.find(purpose.key);
    if (entry == impl.held.end() || entry->second.job != id) return;
    entry->second.job = 0;
    impl.held_written(entry->second, purpose.write, begun, now, answer);
  }
}

}  // namespace dynamirror::coordination
