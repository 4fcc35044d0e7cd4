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
      lease.key, Acquiring{.lease = lease, .way = way, .asked = asked, .asked_at = now, .moved = now, .at = now});
}

void LeaseWorker::Impl::go_on(Acquiring& one, SteadyTime now, std::vector<Job>& jobs) {
  const std::string& key = one.lease.key;
  if (one.doubtful || (one.asked && one.way == Acquiring::Way::kHandOver)) {
    one.job = add_job(jobs, Look{key}, {.what = Purpose::What::kAcquireLook, .key = key});
    return;
  }
  LeaseWrite write{.kind = Kind::kTake, .key = key, .counter = one.lease.counter};
  if (one.way == Acquiring::Way::kHandOver) write.kind = Kind::kStartHandOver;
  write.owner = options.worker_id;
  write.from = one.lease.owner;
  Purpose purpose{.what = Purpose::What::kAcquireWrite, .key = key, .parent = {}, .write = write};
  one.job = add_job(jobs, Write{std::move(write), now + round()}, std::move(purpose));
}

void LeaseWorker::Impl::acquire_written(Acquiring& one, SteadyTime begun, SteadyTime now, Answer answer) {
  if (answer == Answer::kUnknown) {
    one.doubtful = true;
    one.begun = begun;
    one.at = now + pause_after(one.troubles++);
    // However late it lands, the owner who was robbed may go on until its time ends.
    if (one.way == Acquiring::Way::kSteal) robbed.insert(one.lease.key);
    return;
  }
  const bool written = answer != Answer::kConflict && answer != Answer::kNotSent;
  const bool asked = written && one.way == Acquiring::Way::kHandOver;
  // When we stop, the owner whom we have asked finishes, and then nobody renews the lease.
  if (answer == Answer::kConflict || (answer == Answer::kNotSent && one.troubles >= kMostTroubles) ||
      (asked && stopping)) {
    give_up(one);
  } else if (!written) {
    one.at = now + pause_after(one.troubles++);
  } else if (!asked) {
    acquired(one, one.lease.counter + 1, begun, true, now);
  } else {
    one.asked = true;
    one.asked_at = now;
    one.moved = now;
    one.at = now + options.failover / 10;
  }
}

void LeaseWorker::Impl::acquire_looked(Acquiring& one, const std::optional<Lease>& row, SteadyTime now) {
  if (row && one.asked && row->owner.empty() && !row->done() && !stopping) {
    // It took its owner so long to finish that it gave the lease to nobody.
    one.lease = *row;
    one.way = Acquiring::Way::kTake;
    one.doubtful = false;
    one.at = now;
    return;
  }
  if (!row || row->owner != options.worker_id || row->done()) {
    // Not ours, or not any more, or finished. A write that lands later leaves our name: the next round finds it.
    give_up(one);
    return;
  }
  one.doubtful = false;
  if (one.way == Acquiring::Way::kHandOver) {
    hand_over_looked(one, *row, now);
  } else if (row->counter == one.lease.counter + 1 && row->checkpoint_owner.empty()) {
    // Or an earlier write did that, of ours or of the owner who was to hand it over: nobody knows since when it is
    // ours.
    one.lease = *row;
    acquired(one, row->counter, one.begun, false, now);
  } else {
    give_up(one);
  }
}

/// The lease bears our name, and its last owner finishes what it has begun.
void LeaseWorker::Impl::hand_over_looked(Acquiring& one, const Lease& row, SteadyTime now) {
  if (!std::exchange(one.asked, true)) one.asked_at = one.moved = now;
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
    give_up(one);
    return;
  }
  if (row.counter != one.lease.counter) one.moved = now;
  one.lease = row;
  one.at = now + options.failover / 10;
  const bool dead = now - one.moved > options.failover;
  const bool overdue = is_our_worker(row.checkpoint_owner) &&
                       now - one.asked_at > std::max<Duration>(kHandOverTime, options.failover * 3);
  if (dead || overdue) {
    one.way = dead ? Acquiring::Way::kTake : Acquiring::Way::kSteal;
    one.at = now;
  }
}

void LeaseWorker::Impl::acquired(Acquiring& one, std::uint64_t counter, SteadyTime begun, bool proven, SteadyTime now) {
  Lease lease = one.lease;
  lease.owner = options.worker_id;
  lease.checkpoint_owner.clear();
  lease.counter = counter;
  const bool stolen = one.way == Acquiring::Way::kSteal;
  acquiring.erase(lease.key);
  robbed.erase(lease.key);
  ++statistics.taken;
  statistics.stolen += stolen ? 1 : 0;
  // The last owner may have renewed until just now, and may write until its time ends.
  hold(std::move(lease), begun, stolen ? now + options.failover : now, proven, now);
}

void LeaseWorker::Impl::give_up(Acquiring& one) { acquiring.erase(std::string(one.lease.key)); }

}  // namespace dynamirror::coordination
