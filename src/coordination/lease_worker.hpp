// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

/// One worker's part in sharing leases with others: which to take, keep, give away, and until when it may act on each.
/// The protocol is the Kinesis Client Library's (1.7.5 to 3.x, but for leader assignment), so that its workers may
/// share the table.
///
/// Promises
/// - `write_until` never lies beyond the moment at which another worker that keeps to the protocol could have taken the
///   lease: an eighth of the fail-over time is left for what is on its way and for clocks that do not run alike.
/// - A lease is asked for of a worker of ours, and granted when that one has finished what it had begun. From workers
/// of
///   another make that live nothing is taken, unless told to steal (KCL's way of balancing): then it is granted only
///   when the owner's time is over.
/// - One write of a row at a time; a write whose answer was lost is looked after before the next.
/// - A checkpoint is made durable with the next renewal, so that it costs no write of its own.
/// - A lease whose parents are not finished is kept but not granted.
/// - With others alive, reads grow with the leases, not with workers times leases: each worker watches a part of the
///   table (LeaseObservations::share_of) and reads all of it now and then.
///
/// A state machine: events and times in, jobs (to be done by the driver, in any order) and events out. Pure but for
/// `Random`; not thread-safe. Facts: see docs/leases.md.
class LeaseWorker {
 public:
  struct Options {
    std::string worker_id;                         ///< unique; made by `new_worker_id`
    Duration failover = std::chrono::seconds(10);  ///< the same for all workers of a table
    std::size_t max_leases = 1'000'000;
    /// In one round, from workers of other makes that live. KCL does not interrupt a batch whose lease is lost: what it
    /// writes until the batch ends may be older than what is there.
    std::size_t max_steals = 0;
    bool hands_over = true;  ///< asks workers of ours with too many leases for some
  };

  // ---- jobs: what the driver does, and answers
  struct Scan {
    LeaseShare share;
  };
  struct Get {
    std::string key;
  };
  struct Write {
    LeaseWrite write;
    SteadyTime not_after;
  };
  struct Job {
    std::uint64_t id = 0;
    std::variant<Scan, Get, Write> what;
  };
  enum class Answer {
    kDone,
    kConflict,
    kNotSent,  ///< surely without effect: not sent, or refused
    kUnknown,  ///< no answer: it may have had its effect, or have it later
  };

  // ---- events: what the worker tells its work
  /// The work may begin, at the lease's checkpoint.
  struct Granted {
    Lease lease;
  };
  /// The work must end at once; nothing of it may be written any more, no checkpoint either.
  struct Lost {
    std::string key;
    std::string reason;  ///< for people: who has it now, or that it was not renewed in time
  };
  /// Another worker is to go on: finish what is under way, then call `drained`.
  struct WindDown {
    std::string key;
  };
  /// `finish` is durable.
  struct Finished {
    std::string key;
  };
  /// All rows, as of now: for bringing the leases in step with the work there is.
  struct RowsRead {
    std::vector<Lease> leases;
    std::uint64_t foreign = 0;
  };
  using Event = std::variant<Granted, Lost, WindDown, Finished, RowsRead>;

  struct Statistics {
    std::uint64_t taken = 0;   ///< leases acquired, whichever way
    std::uint64_t stolen = 0;  ///< of them, from an owner who lived
    std::uint64_t lost = 0;    ///< to others or by time; not those given away
    std::uint64_t given_away = 0;
    std::uint64_t renewed = 0;
    std::uint64_t conflicts = 0;  ///< writes that another worker's had overtaken
    std::size_t held = 0;
    std::size_t known = 0;  ///< unfinished leases seen in the table
  };

  /// REQUIRES: random outlives the worker.
  LeaseWorker(Options options, Random& random, SteadyTime now);
  ~LeaseWorker();
  LeaseWorker(const LeaseWorker&) = delete;
  LeaseWorker& operator=(const LeaseWorker&) = delete;

  /// What is to be done now; each job is given once and must be answered once.
  [[nodiscard]] std::vector<Job> take_jobs(SteadyTime now);
  /// When to ask again, if nothing happens before.
  [[nodiscard]] SteadyTime next_wake() const;
  [[nodiscard]] std::vector<Event> take_events();

  /// Answers. `begun`: when the job was begun (before it was sent); `now`: when its answer was there.
  /// Nothing in place of rows: the scan failed.
  void scanned(std::uint64_t id, SteadyTime now, const std::optional<LeaseRows>& rows);
  void got(std::uint64_t id, SteadyTime now, bool answered, const std::optional<Lease>& lease);
  void written(std::uint64_t id, SteadyTime begun, SteadyTime now, Answer answer);

  // ---- what the work says of a lease that was granted and is not lost
  /// Everything up to here is safe.
  void checkpoint(const std::string& key, std::string checkpoint);
  /// The same, with a renewal at once.
  void checkpoint_now(const std::string& key, std::string checkpoint);
  /// The work is done: creates the children, then writes kShardEnd, then goes for the children.
  void finish(const std::string& key, std::vector<Lease> children);
  /// After WindDown or `stop`: nothing of this lease is under way any more. Its last checkpoint was said before.
  void drained(const std::string& key);

  /// Writes to rows that are nobody's in particular, as the last RowsRead gives cause for: kCreate, kSetChildren,
  /// kDelete. Tried a few times each, and not later than twice the fail-over time after that scan: what it did not show
  /// may have come and gone since. So a row should be deleted no earlier than three times that after it was finished.
  void maintain(std::vector<LeaseWrite> writes);

  /// The clock stood still while time passed for others (the machine was suspended): every lease is that much nearer to
  /// its end.
  void slept(Duration time, SteadyTime now);

  /// Takes nothing any more, and asks for the end of all work (WindDown). Over when `held()` is 0.
  void stop();

  /// Until when the work of a lease may send writes; nothing: never again.
  [[nodiscard]] std::optional<SteadyTime> write_until(const std::string& key) const;
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] Statistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::coordination
