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
  Held& one = held.emplace(key, Held{.lease = std::move(lease),
                                     .renewed = renewed,
                                     .proven = proven,
                                     .renew_at = proven ? renewed + renewal() : now,
                                     .grant_at = grant_at,
                                     .checkpoint = {}})
                  .first->second;
  one.checkpoint = one.lease.checkpoint;
  if (stopping) one.phase = Phase::kReleasing;
  one.due = now;
  due.emplace(one.due, key);
  return one;
}

/// Sets when the lease wants attention next. What is under way is waited for, but not beyond the end of our time.
void LeaseWorker::Impl::reschedule(Held& one, SteadyTime now) {
  const SteadyTime ends = one.renewed + options.failover;
  SteadyTime next = ends;
  if (one.job == 0) {
    SteadyTime wanted = one.renew_at;
    if (one.phase == Phase::kReleasing) wanted = std::min(wanted, one.grant_at);
    if (one.doubtful || (one.phase == Phase::kFinishing && one.children_left.empty())) wanted = now;
    if (one.phase == Phase::kWaiting && one.proven) wanted = std::min(wanted, std::max(one.grant_at, one.parents_at));
    next = std::min(ends, std::max(wanted, one.not_before));
  }
  due.erase({one.due, one.lease.key});
  one.due = next;
  due.emplace(one.due, one.lease.key);
}

/// What this lease needs now. Afterwards it is due later, or gone.
void LeaseWorker::Impl::look_after(Held& one, SteadyTime now, std::vector<Job>& jobs) {
  if (now >= one.renewed + options.failover) {
    lose(one, "it could not be renewed in time", now);
    return;
  }
  if (one.job != 0 || now < one.not_before) {
    reschedule(one, now);
    return;
  }
  if (one.phase == Phase::kWaiting && one.proven && now >= one.grant_at && parents_finished(one)) {
    one.phase = Phase::kWorking;
    events.emplace_back(Granted{one.lease});
  }
  const std::string& key = one.lease.key;
  if (one.doubtful) {
    one.job = add_job(jobs, Look{key}, {.what = Purpose::What::kHeldLook, .key = key});
  } else if (may_release(one, now)) {
    send(one, release_of(one, now), now, jobs);
  } else if (now >= one.renew_at) {
    LeaseWrite write{.kind = Kind::kRenew, .key = key, .counter = one.lease.counter};
    if (one.checkpoint != one.lease.checkpoint && one.phase != Phase::kFinishing) write.checkpoint = one.checkpoint;
    write.handing_over = !one.lease.checkpoint_owner.empty();
    send(one, std::move(write), now, jobs);
  } else if (one.phase == Phase::kWaiting && one.proven && now >= one.grant_at && now >= one.parents_at) {
    look_at_parent(one, now, jobs);
  }
  reschedule(one, now);
}

bool LeaseWorker::Impl::parents_finished(const Held& one) const {
  return std::ranges::all_of(one.lease.parents, [&](const std::string& parent) {
    if (one.finished_parents.contains(parent)) return true;
    const auto* row = seen.find(parent);
    return row != nullptr && row->lease.done();
  });
}

/// The first that is not known to be finished. That we have never seen its row does not say that there is none. Parents
/// may take hours: the looks become rarer, and scans show it as well (`wake_waiting`).
void LeaseWorker::Impl::look_at_parent(Held& one, SteadyTime now, std::vector<Job>& jobs) {
  one.parents_at = now + std::min<Duration>(options.failover * 2, round() / 2 * (1 << std::min(one.parent_looks++, 8)));
  for (const std::string& parent : one.lease.parents) {
    const auto* row = seen.find(parent);
    if (one.finished_parents.contains(parent) || (row != nullptr && row->lease.done())) continue;
    if (held.contains(parent)) return;
    Purpose purpose{.what = Purpose::What::kParentLook, .key = one.lease.key, .parent = parent};
    one.job = add_job(jobs, Look{parent}, std::move(purpose));
    return;
  }
}

/// Leases that wait for parents which are now seen to be finished may go on.
void LeaseWorker::Impl::wake_waiting(SteadyTime now) {
  for (auto& [key, one] : held) {
    if (one.phase != Phase::kWaiting || one.lease.parents.empty() || !parents_finished(one)) continue;
    one.parents_at = std::min(one.parents_at, now);
    reschedule(one, now);
  }
}

void LeaseWorker::Impl::send(Held& one, LeaseWrite write, SteadyTime now, std::vector<Job>& jobs) {
  const SteadyTime not_after = std::min<SteadyTime>(one.renewed + options.failover, now + round());
  Purpose purpose{.what = Purpose::What::kHeldWrite, .key = one.lease.key, .parent = {}, .write = write};
  one.job = add_job(jobs, Write{std::move(write), not_after}, std::move(purpose));
}

/// A stolen lease is not given away either before the time of the owner who was robbed is over.
bool LeaseWorker::Impl::may_release(const Held& one, SteadyTime now) const {
  if (one.phase == Phase::kReleasing) return now >= one.grant_at;
  return one.phase == Phase::kFinishing && one.children_left.empty();
}

LeaseWrite LeaseWorker::Impl::release_of(const Held& one, SteadyTime now) const {
  LeaseWrite write{.kind = Kind::kRelease, .key = one.lease.key, .counter = one.lease.counter};
  write.from = one.lease.owner;
  if (one.checkpoint != one.lease.checkpoint) write.checkpoint = one.checkpoint;
  if (one.phase == Phase::kFinishing) {
    write.owner = options.worker_id;  // as KCL leaves it
    write.children = one.lease.children;
  } else if (now - one.asked_at <= options.failover) {
    // Whoever asked long ago may have died since; if not, it sees that the lease is free.
    write.owner = one.successor;
  }
  return write;
}

void LeaseWorker::Impl::held_written(Held& one, const LeaseWrite& write, SteadyTime begun, SteadyTime now,
                                     Answer answer) {
  switch (answer) {
    case Answer::kDone:
      landed(one, write, begun, now);
      return;
    case Answer::kNotSent:
      one.not_before = now + pause_after(one.troubles++);
      break;
    case Answer::kUnknown:
      // An earlier one in doubt may be what lands.
      if (!one.doubt_begun) one.doubt_begun = begun;
      one.doubtful = true;
      one.not_before = now + pause_after(one.troubles++);
      break;
    case Answer::kConflict:
      one.doubtful = true;
      if (one.troubles++ > 0) one.not_before = now + pause_after(one.troubles);
      break;
  }
  reschedule(one, now);
}

/// A write of ours is in the table, and the lease ours from when it was begun.
void LeaseWorker::Impl::landed(Held& one, const LeaseWrite& write, SteadyTime begun, SteadyTime now) {
  one.doubtful = false;
  one.doubt_begun.reset();
  one.troubles = 0;
  one.not_before = {};
  if (write.kind == Kind::kRelease) {
    if (write.checkpoint) one.lease.checkpoint = *write.checkpoint;
    released(one, now);
    return;
  }
  ++statistics.renewed;
  ++one.lease.counter;
  if (write.checkpoint) {
    one.lease.checkpoint = *write.checkpoint;
    one.lease.owner_switches = 0;
  }
  one.renewed = begun;
  one.renew_at = begun + renewal();
  one.proven = true;
  seen.observe(one.lease, now);
  reschedule(one, now);
}

/// KCL before 3.0 leaves the checkpoint owner when it takes a lease: then only a write of ours may have moved the
/// counter.
bool LeaseWorker::Impl::still_ours(const Held& one, const Lease& row) const {
  if (row.owner == options.worker_id) return true;
  return row.checkpoint_owner == options.worker_id && (row.counter == one.lease.counter || one.doubt_begun);
}

/// What the table says after a write that did not go as it should.
void LeaseWorker::Impl::held_looked(Held& one, const std::optional<Lease>& row, SteadyTime now) {
  if (!row) {
    seen.forget(one.lease.key);
    lose(one, "its row is gone", now);
    return;
  }
  seen.observe(*row, now);
  const bool moved_once = row->counter == one.lease.counter + 1;
  if (one.phase == Phase::kFinishing && row->done()) {
    released(one, now);
    seen.observe(*row, now);
    return;
  }
  if (!still_ours(one, *row)) {
    // A release whose answer was lost has landed; whoever took the lease since then did so rightly.
    one.phase == Phase::kReleasing ? released(one, now) : lose(one, taken_by(row->owner), now);
    return;
  }
  if (row->counter != one.lease.counter && !moved_once) {
    lose(one, "somebody else has written its row", now);
    return;
  }
  if (moved_once && one.doubt_begun) {
    one.renewed = *one.doubt_begun;
    one.renew_at = one.renewed + renewal();
    one.proven = true;
    one.doubt_begun.reset();
  }
  // A write in doubt that has not landed yet may still do so: then the next one meets its counter, and we look again.
  const std::vector<std::string> children = std::move(one.lease.children);
  one.lease = *row;
  if (one.phase == Phase::kFinishing) one.lease.children = children;
  one.doubtful = false;
  if (row->checkpoint_owner == options.worker_id) hand_over_wanted(one, *row, now);
  reschedule(one, now);
}

void LeaseWorker::Impl::hand_over_wanted(Held& one, const Lease& row, SteadyTime now) {
  if (one.successor != row.owner) one.asked_at = now;
  one.successor = row.owner;
  if (one.phase == Phase::kWorking) {
    one.phase = Phase::kWindingDown;
    events.emplace_back(WindDown{one.lease.key});
  } else if (one.phase == Phase::kWaiting) {
    one.phase = Phase::kReleasing;
  }
}

void LeaseWorker::Impl::released(Held& one, SteadyTime now) {
  const std::string key = one.lease.key;
  if (one.phase != Phase::kFinishing) {
    ++statistics.given_away;
    // Whoever gets it is watched from now on: it may have died while it waited.
    Lease given = std::move(one.lease);
    given.owner = one.successor;
    given.checkpoint_owner.clear();
    ++given.counter;
    seen.observe(given, now);
    drop(key);
    scan_soon(now + round());
    return;
  }
  Lease finished = std::move(one.lease);
  const std::vector<Lease> children = std::move(one.children);
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

void LeaseWorker::Impl::lose(Held& one, std::string reason, SteadyTime now) {
  ++statistics.lost;
  const std::string key = one.lease.key;
  if (one.phase != Phase::kWaiting && one.phase != Phase::kReleasing) events.emplace_back(Lost{key, std::move(reason)});
  drop(key);
  scan_soon(now + round());
}

void LeaseWorker::Impl::drop(const std::string& key) {
  const auto at = held.find(key);
  due.erase({at->second.due, key});
  held.erase(at);
}

}  // namespace dynamirror::coordination
