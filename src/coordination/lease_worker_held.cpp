// SPDX-License-Identifier: Apache-2.0
// Keeping leases: renewing, finishing, giving away, and finding out what became of a write.
#include <algorithm>
#include <utility>

#include "coordination/impl/lease_worker_impl.hpp"

namespace dynamirror::coordination {

using Kind = LeaseWrite::Kind;

namespace {

std::string taken_by(const std::string& owner) {
  return owner.empty() ? "its owner's name was taken off" : owner + " has taken it";
}

}  // namespace

LeaseWorker::Impl::Held& LeaseWorker::Impl::hold(Lease lease, SteadyTime renewed, SteadyTime grant_at, bool proven,
                                                 SteadyTime now) {
  const std::string key = lease.key;
  seen.observe(lease, now);
  Held& holding = held.emplace(key, Held{.lease = std::move(lease),
                                         .renewed = renewed,
                                         .proven = proven,
                                         .renew_at = proven ? renewed + renewal() : now,
                                         .grant_at = grant_at,
                                         .checkpoint = {}})
                      .first->second;
  holding.checkpoint = holding.lease.checkpoint;
  if (stopping) holding.phase = Phase::kReleasing;
  holding.due = now;
  due.emplace(holding.due, key);
  return holding;
}

/// Sets when the lease wants attention next. What is under way is waited for, but not beyond the end of our time.
void LeaseWorker::Impl::reschedule(Held& holding, SteadyTime now) {
  const SteadyTime ends = holding.renewed + options.failover;
  SteadyTime next = ends;
  if (holding.job == 0) {
    SteadyTime wanted = holding.renew_at;
    if (holding.phase == Phase::kReleasing) wanted = std::min(wanted, holding.grant_at);
    if (holding.doubtful || (holding.phase == Phase::kFinishing && holding.children_left.empty())) wanted = now;
    if (holding.phase == Phase::kWaiting && holding.proven)
      wanted = std::min(wanted, std::max(holding.grant_at, holding.parents_at));
    next = std::min(ends, std::max(wanted, holding.not_before));
  }
  due.erase({holding.due, holding.lease.key});
  holding.due = next;
  due.emplace(holding.due, holding.lease.key);
}

/// What this lease needs now. Afterwards it is due later, or gone.
void LeaseWorker::Impl::look_after(Held& holding, SteadyTime now, std::vector<Job>& jobs) {
  if (now >= holding.renewed + options.failover) {
    lose(holding, "it could not be renewed in time", now);
    return;
  }
  if (holding.job != 0 || now < holding.not_before) {
    reschedule(holding, now);
    return;
  }
  if (holding.phase == Phase::kWaiting && holding.proven && now >= holding.grant_at && parents_finished(holding)) {
    holding.phase = Phase::kWorking;
    events.emplace_back(Granted{holding.lease});
  }
  const std::string& key = holding.lease.key;
  if (holding.doubtful) {
    holding.job = add_job(jobs, Get{key}, {.what = Purpose::What::kHeldGet, .key = key});
  } else if (may_release(holding, now)) {
    send(holding, release_of(holding, now), now, jobs);
  } else if (now >= holding.renew_at) {
    LeaseWrite write{.kind = Kind::kRenew, .key = key, .counter = holding.lease.counter};
    if (holding.checkpoint != holding.lease.checkpoint && holding.phase != Phase::kFinishing)
      write.checkpoint = holding.checkpoint;
    write.handing_over = !holding.lease.checkpoint_owner.empty();
    send(holding, std::move(write), now, jobs);
  } else if (holding.phase == Phase::kWaiting && holding.proven && now >= holding.grant_at &&
             now >= holding.parents_at) {
    get_parent(holding, now, jobs);
  }
  reschedule(holding, now);
}

bool LeaseWorker::Impl::parents_finished(const Held& holding) const {
  return std::ranges::all_of(holding.lease.parents, [&](const std::string& parent) {
    if (holding.finished_parents.contains(parent)) return true;
    const auto* row = seen.find(parent);
    return row != nullptr && row->lease.done();
  });
}

/// The first that is not known to be finished. That we have never seen its row does not say that there is none. Parents
/// may take hours: the looks become rarer, and scans show it as well (`wake_waiting`).
void LeaseWorker::Impl::get_parent(Held& holding, SteadyTime now, std::vector<Job>& jobs) {
  holding.parents_at =
      now + std::min<Duration>(options.failover * 2, round() / 2 * (1 << std::min(holding.parent_looks++, 8)));
  for (const std::string& parent : holding.lease.parents) {
    const auto* row = seen.find(parent);
    if (holding.finished_parents.contains(parent) || (row != nullptr && row->lease.done())) continue;
    if (held.contains(parent)) return;
    Purpose purpose{.what = Purpose::What::kParentGet, .key = holding.lease.key, .parent = parent};
    holding.job = add_job(jobs, Get{parent}, std::move(purpose));
    return;
  }
}

/// Leases that wait for parents which are now seen to be finished may go on.
void LeaseWorker::Impl::wake_waiting(SteadyTime now) {
  for (auto& [key, holding] : held) {
    if (holding.phase != Phase::kWaiting || holding.lease.parents.empty() || !parents_finished(holding)) continue;
    holding.parents_at = std::min(holding.parents_at, now);
    reschedule(holding, now);
  }
}

void LeaseWorker::Impl::send(Held& holding, LeaseWrite write, SteadyTime now, std::vector<Job>& jobs) {
  const SteadyTime not_after = std::min<SteadyTime>(holding.renewed + options.failover, now + round());
  Purpose purpose{.what = Purpose::What::kHeldWrite, .key = holding.lease.key, .parent = {}, .write = write};
  holding.job = add_job(jobs, Write{std::move(write), not_after}, std::move(purpose));
}

/// A stolen lease is not given away either before the time of the owner who was robbed is over.
bool LeaseWorker::Impl::may_release(const Held& holding, SteadyTime now) const {
  if (holding.phase == Phase::kReleasing) return now >= holding.grant_at;
  return holding.phase == Phase::kFinishing && holding.children_left.empty();
}

LeaseWrite LeaseWorker::Impl::release_of(const Held& holding, SteadyTime now) const {
  LeaseWrite write{.kind = Kind::kRelease, .key = holding.lease.key, .counter = holding.lease.counter};
  write.from = holding.lease.owner;
  if (holding.checkpoint != holding.lease.checkpoint) write.checkpoint = holding.checkpoint;
  if (holding.phase == Phase::kFinishing) {
    write.owner = options.worker_id;  // as KCL leaves it
    write.children = holding.lease.children;
  } else if (now - holding.asked_at <= options.failover) {
    // Whoever asked long ago may have died since; if not, it sees that the lease is free.
    write.owner = holding.successor;
  }
  return write;
}

void LeaseWorker::Impl::held_written(Held& holding, const LeaseWrite& write, SteadyTime begun, SteadyTime now,
                                     Answer answer) {
  switch (answer) {
    case Answer::kDone:
      landed(holding, write, begun, now);
      return;
    case Answer::kNotSent:
      holding.not_before = now + pause_after(holding.troubles++);
      break;
    case Answer::kUnknown:
      // An earlier one in doubt may be what lands.
      if (!holding.doubt_begun) holding.doubt_begun = begun;
      holding.doubtful = true;
      holding.not_before = now + pause_after(holding.troubles++);
      break;
    case Answer::kConflict:
      holding.doubtful = true;
      if (holding.troubles++ > 0) holding.not_before = now + pause_after(holding.troubles);
      break;
  }
  reschedule(holding, now);
}

/// A write of ours is in the table, and the lease ours from when it was begun.
void LeaseWorker::Impl::landed(Held& holding, const LeaseWrite& write, SteadyTime begun, SteadyTime now) {
  holding.doubtful = false;
  holding.doubt_begun.reset();
  holding.troubles = 0;
  holding.not_before = {};
  if (write.kind == Kind::kRelease) {
    if (write.checkpoint) holding.lease.checkpoint = *write.checkpoint;
    released(holding, now);
    return;
  }
  ++statistics.renewed;
  ++holding.lease.counter;
  if (write.checkpoint) {
    holding.lease.checkpoint = *write.checkpoint;
    holding.lease.owner_switches = 0;
  }
  holding.renewed = begun;
  holding.renew_at = begun + renewal();
  holding.proven = true;
  seen.observe(holding.lease, now);
  reschedule(holding, now);
}

/// KCL before 3.0 leaves the checkpoint owner when it takes a lease: then only a write of ours may have moved the
/// counter.
bool LeaseWorker::Impl::still_ours(const Held& holding, const Lease& row) const {
  if (row.owner == options.worker_id) return true;
  return row.checkpoint_owner == options.worker_id && (row.counter == holding.lease.counter || holding.doubt_begun);
}

/// What the table says after a write that did not go as it should.
void LeaseWorker::Impl::held_row_read(Held& holding, const std::optional<Lease>& row, SteadyTime now) {
  if (!row) {
    seen.forget(holding.lease.key);
    lose(holding, "its row is gone", now);
    return;
  }
  seen.observe(*row, now);
  const bool moved_once = row->counter == holding.lease.counter + 1;
  if (holding.phase == Phase::kFinishing && row->done()) {
    released(holding, now);
    seen.observe(*row, now);
    return;
  }
  if (!still_ours(holding, *row)) {
    // A release whose answer was lost has landed; whoever took the lease since then did so rightly.
    holding.phase == Phase::kReleasing ? released(holding, now) : lose(holding, taken_by(row->owner), now);
    return;
  }
  if (row->counter != holding.lease.counter && !moved_once) {
    lose(holding, "somebody else has written its row", now);
    return;
  }
  if (moved_once && holding.doubt_begun) {
    holding.renewed = *holding.doubt_begun;
    holding.renew_at = holding.renewed + renewal();
    holding.proven = true;
    holding.doubt_begun.reset();
  }
  // A write in doubt that has not landed yet may still do so: then the next one meets its counter, and we look again.
  const std::vector<std::string> children = std::move(holding.lease.children);
  holding.lease = *row;
  if (holding.phase == Phase::kFinishing) holding.lease.children = children;
  holding.doubtful = false;
  if (row->checkpoint_owner == options.worker_id) hand_over_wanted(holding, *row, now);
  reschedule(holding, now);
}

void LeaseWorker::Impl::hand_over_wanted(Held& holding, const Lease& row, SteadyTime now) {
  if (holding.successor != row.owner) holding.asked_at = now;
  holding.successor = row.owner;
  if (holding.phase == Phase::kWorking) {
    holding.phase = Phase::kWindingDown;
    events.emplace_back(WindDown{holding.lease.key});
  } else if (holding.phase == Phase::kWaiting) {
    holding.phase = Phase::kReleasing;
  }
}

void LeaseWorker::Impl::released(Held& holding, SteadyTime now) {
  const std::string key = holding.lease.key;
  if (holding.phase != Phase::kFinishing) {
    ++statistics.given_away;
    // Whoever gets it is watched from now on: it may have died while it waited.
    Lease given = std::move(holding.lease);
    given.owner = holding.successor;
    given.checkpoint_owner.clear();
    ++given.counter;
    seen.observe(given, now);
    drop(key);
    scan_soon(now + round());
    return;
  }
  Lease finished = std::move(holding.lease);
  const std::vector<Lease> children = std::move(holding.children);
  drop(key);
  finished.owner = options.worker_id;
  finished.checkpoint = kShardEnd;
  ++finished.counter;
  seen.observe(finished, now);
  events.emplace_back(Finished{key});
  wake_waiting(now);
  if (stopping) return;
  for (const Lease& child : children) {
    if (load() < options.max_leases) acquire(child, Acquiring::Way::kTake, now);
  }
}

void LeaseWorker::Impl::lose(Held& holding, std::string reason, SteadyTime now) {
  ++statistics.lost;
  const std::string key = holding.lease.key;
  if (holding.phase != Phase::kWaiting && holding.phase != Phase::kReleasing)
    events.emplace_back(Lost{key, std::move(reason)});
  drop(key);
  scan_soon(now + round());
}

void LeaseWorker::Impl::drop(const std::string& key) {
  const auto entry = held.find(key);
  due.erase({entry->second.due, key});
  held.erase(entry);
}

}  // namespace dynamirror::coordination
