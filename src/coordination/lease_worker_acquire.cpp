// SPDX-License-Identifier: Apache-2.0
// Getting leases: free ones, those of dead owners, and by steal or hand-over those of owners with too many.
#include <algorithm>
#include <utility>

#include "coordination/impl/lease_worker_impl.hpp"
#include "coordination/lease_names.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;

constexpr int kMostTroubles = 4;
/// How long an owner may take to finish before its lease is taken all the same: KCL's time for a graceful hand-off.
constexpr std::chrono::seconds kHandOverTime{30};

}  // namespace

void LeaseWorker::Impl::acquire(const Lease& lease, Acquiring::Way way, SteadyTime now) {
  if (held.contains(lease.key)) return;
  // What bears our name while its last owner finishes was asked for by a write that we had given up on.
  const bool asked = way == Acquiring::Way::kHandOver && lease.owner == options.worker_id;
  acquiring.try_emplace(
      lease.key,
      Acquiring{
          .lease = lease, .way = way, .asked = asked, .asked_at = now, .counter_moved = now, .next_attempt = now});
}

void LeaseWorker::Impl::go_on(Acquiring& attempt, SteadyTime now, std::vector<Job>& jobs) {
  const std::string& key = attempt.lease.key;
  if (attempt.doubtful || (attempt.asked && attempt.way == Acquiring::Way::kHandOver)) {
    attempt.job = add_job(jobs, Get{key}, {.what = Purpose::What::kAcquireGet, .key = key});
    return;
  }
  LeaseWrite write{.kind = Kind::kTake, .key = key, .counter = attempt.lease.counter};
  if (attempt.way == Acquiring::Way::kHandOver) write.kind = Kind::kStartHandOver;
  write.owner = options.worker_id;
  write.from = attempt.lease.owner;
  Purpose purpose{.what = Purpose::What::kAcquireWrite, .key = key, .parent = {}, .write = write};
  attempt.job = add_job(jobs, Write{std::move(write), now + round()}, std::move(purpose));
}

void LeaseWorker::Impl::acquire_written(Acquiring& attempt, SteadyTime begun, SteadyTime now, Answer answer) {
  if (answer == Answer::kUnknown) {
    attempt.doubtful = true;
    attempt.begun = begun;
    attempt.next_attempt = now + pause_after(attempt.troubles++);
    // However late it lands, the owner who was robbed may go on until its time ends.
    if (attempt.way == Acquiring::Way::kSteal) robbed.insert(attempt.lease.key);
    return;
  }
  const bool written = answer != Answer::kConflict && answer != Answer::kNotSent;
  const bool asked = written && attempt.way == Acquiring::Way::kHandOver;
  // When we stop, the owner whom we have asked finishes, and then nobody renews the lease.
  if (answer == Answer::kConflict || (answer == Answer::kNotSent && attempt.troubles >= kMostTroubles) ||
      (asked && stopping)) {
    give_up(attempt);
  } else if (!written) {
    attempt.next_attempt = now + pause_after(attempt.troubles++);
  } else if (!asked) {
    acquired(attempt, attempt.lease.counter + 1, begun, true, now);
  } else {
    attempt.asked = true;
    attempt.asked_at = now;
    attempt.counter_moved = now;
    attempt.next_attempt = now + options.failover / 10;
  }
}

void LeaseWorker::Impl::acquire_row_read(Acquiring& attempt, const std::optional<Lease>& row, SteadyTime now) {
  if (row && attempt.asked && row->owner.empty() && !row->done() && !stopping) {
    // It took its owner so long to finish that it gave the lease to nobody.
    attempt.lease = *row;
    attempt.way = Acquiring::Way::kTake;
    attempt.doubtful = false;
    attempt.next_attempt = now;
    return;
  }
  if (!row || row->owner != options.worker_id || row->done()) {
    // Not ours, or not any more, or finished. A write that lands later leaves our name: the next round finds it.
    give_up(attempt);
    return;
  }
  attempt.doubtful = false;
  if (attempt.way == Acquiring::Way::kHandOver) {
    hand_over_row_read(attempt, *row, now);
  } else if (row->counter == attempt.lease.counter + 1 && row->checkpoint_owner.empty()) {
    // Or an earlier write did that, of ours or of the owner who was to hand it over: nobody knows since when it is
    // ours.
    attempt.lease = *row;
    acquired(attempt, row->counter, attempt.begun, false, now);
  } else {
    give_up(attempt);
  }
}

/// The lease bears our name, and its last owner finishes what it has begun.
void LeaseWorker::Impl::hand_over_row_read(Acquiring& attempt, const Lease& row, SteadyTime now) {
  if (!std::exchange(attempt.asked, true)) attempt.asked_at = attempt.counter_moved = now;
  if (row.checkpoint_owner.empty()) {
    // Given to us, at a moment that we do not know: ours from our first renewal on.
    Lease lease = row;
    acquiring.erase(lease.key);
    ++statistics.taken;
    ++statistics.stolen;
    hold(std::move(lease), now, now, false, now);
    return;
  }
  if (stopping) {
    give_up(attempt);
    return;
  }
  if (row.counter != attempt.lease.counter) attempt.counter_moved = now;
  attempt.lease = row;
  attempt.next_attempt = now + options.failover / 10;
  const bool dead = now - attempt.counter_moved > options.failover;
  const bool overdue = is_our_worker(row.checkpoint_owner) &&
                       now - attempt.asked_at > std::max<Duration>(kHandOverTime, options.failover * 3);
  if (dead || overdue) {
    attempt.way = dead ? Acquiring::Way::kTake : Acquiring::Way::kSteal;
    attempt.next_attempt = now;
  }
}

void LeaseWorker::Impl::acquired(Acquiring& attempt, std::uint64_t counter, SteadyTime begun, bool proven,
                                 SteadyTime now) {
  Lease lease = attempt.lease;
  lease.owner = options.worker_id;
  lease.checkpoint_owner.clear();
  lease.counter = counter;
  const bool stolen = attempt.way == Acquiring::Way::kSteal;
  acquiring.erase(lease.key);
  robbed.erase(lease.key);
  ++statistics.taken;
  statistics.stolen += stolen ? 1 : 0;
  // The last owner may have renewed until just now, and may write until its time ends.
  hold(std::move(lease), begun, stolen ? now + options.failover : now, proven, now);
}

void LeaseWorker::Impl::give_up(Acquiring& attempt) { acquiring.erase(std::string(attempt.lease.key)); }

}  // namespace dynamirror::coordination
