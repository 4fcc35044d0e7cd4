// SPDX-License-Identifier: Apache-2.0
// Private to lease_worker*.cpp: the parts of a worker.
#pragma once

#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "coordination/lease_observations.hpp"
#include "coordination/lease_taking.hpp"
#include "coordination/lease_worker.hpp"

namespace dynamirror::coordination {

struct LeaseWorker::Impl {
  enum class Phase {
    kWaiting,      ///< ours, but the work may not begin yet
    kWorking,      ///< granted
    kWindingDown,  ///< the work was asked to end
    kFinishing,    ///< the work is done: children first, then kShardEnd
    kReleasing,    ///< nothing is under way: to be given away
  };

  /// A lease that is ours.
  struct Held {
    Lease lease;  ///< as the table has it, as far as we know
    Phase phase = Phase::kWaiting;
    SteadyTime renewed;  ///< when the last write that is known to have landed was begun
    bool proven = true;  ///< a write of ours made it ours; otherwise the first renewal has to
    SteadyTime renew_at;
    SteadyTime grant_at;                      ///< the time of the owner before us ends
    std::string checkpoint;                   ///< as the work says; durable when equal to the lease's
    SteadyTime asked_at{};                    ///< when we learned of the successor
    std::string successor{};                  ///< who gets it when it is drained; empty: whoever comes
    std::vector<Lease> children{};            ///< those that we go for when the lease is finished
    std::set<std::string> children_left{};    ///< to be created
    bool doubtful = false;                    ///< the row has to be looked at before the next write
    std::optional<SteadyTime> doubt_begun{};  ///< when the first write was begun that may have landed unseen
    std::unordered_set<std::string> finished_parents{};
    SteadyTime parents_at{};  ///< when to look after the parents next
    int parent_looks = 0;
    SteadyTime not_before{};  ///< of the next attempt, after trouble
    int troubles = 0;         ///< in a row
    std::uint64_t job = 0;    ///< under way; 0: none
    SteadyTime due{};         ///< its place in `due`
  };

  /// A lease that we are getting.
  struct Acquiring {
    enum class Way { kTake, kSteal, kHandOver };
    Lease lease;  ///< as last seen
    Way way = Way::kTake;
    bool asked = false;     ///< the hand-over has begun: its owner is finishing
    bool doubtful = false;  ///< whether our write landed has to be looked up
    SteadyTime begun{};     ///< of that write
    SteadyTime asked_at{};
    SteadyTime counter_moved{};  ///< when the counter of the owner who finishes was last seen to move
    SteadyTime next_attempt{};   ///< of the next attempt or look
    int troubles = 0;
    std::uint64_t job = 0;
  };

  /// A write to a row that is not ours.
  struct Upkeep {
    LeaseWrite write;
    std::string for_key;     ///< the lease that waits for it, as its child; or empty
    SteadyTime not_after{};  ///< what it was concluded from may have changed then
    SteadyTime next_attempt{};
    int troubles = 0;
    std::uint64_t job = 0;
  };

  /// What a job under way is for.
  struct Purpose {
    enum class What { kScan, kHeldWrite, kHeldGet, kParentGet, kAcquireWrite, kAcquireGet, kUpkeep };
    What what = What::kScan;
    std::string key{};
    std::string parent{};
    LeaseWrite write{};
  };

  Impl(Options given, Random& source, SteadyTime now);

  // lease_worker.cpp: rounds
  void start_scan(SteadyTime now, std::vector<Job>& jobs);
  void take_turn(SteadyTime now);
  void plan_next_scan(const TakingPlan& plan, SteadyTime now);
  [[nodiscard]] std::unordered_set<std::string> mine() const;
  [[nodiscard]] std::size_t load() const;
  [[nodiscard]] std::uint64_t add_job(std::vector<Job>& jobs, std::variant<Scan, Get, Write> what, Purpose purpose);
  void keep_up(LeaseWrite write, std::string for_key);
  void keep_finished(SteadyTime now);
  void finished_renewed(const std::string& key, bool done, SteadyTime now);
  void start_upkeep(SteadyTime now, std::vector<Job>& jobs);
  [[nodiscard]] bool waits_for_parents(const LeaseWrite& write) const;
  [[nodiscard]] bool is_outdated(const Upkeep& task, SteadyTime now) const;
  void drop_upkeep(std::list<Upkeep>::iterator task);
  void upkeep_done(std::list<Upkeep>::iterator upkeep, bool created, SteadyTime now);
  void upkeep_answered(std::uint64_t id, Answer answer, SteadyTime now);
  [[nodiscard]] Duration pause_after(int troubles);
  void scan_soon(SteadyTime when) { scan_at = std::min(scan_at, when); }

  // lease_worker_held.cpp: keeping
  Held& hold(Lease lease, SteadyTime renewed, SteadyTime grant_at, bool proven, SteadyTime now);
  void reschedule(Held& held, SteadyTime now);
  void look_after(Held& held, SteadyTime now, std::vector<Job>& jobs);
  [[nodiscard]] bool parents_finished(const Held& held) const;
  void get_parent(Held& held, SteadyTime now, std::vector<Job>& jobs);
  void wake_waiting(SteadyTime now);
  [[nodiscard]] bool still_ours(const Held& held, const Lease& row) const;
  void send(Held& held, LeaseWrite write, SteadyTime now, std::vector<Job>& jobs);
  [[nodiscard]] LeaseWrite release_of(const Held& held, SteadyTime now) const;
  [[nodiscard]] bool may_release(const Held& held, SteadyTime now) const;
  void held_written(Held& held, const LeaseWrite& write, SteadyTime begun, SteadyTime now, Answer answer);
  void landed(Held& held, const LeaseWrite& write, SteadyTime begun, SteadyTime now);
  void held_row_read(Held& held, const std::optional<Lease>& row, SteadyTime now);
  void hand_over_wanted(Held& held, const Lease& row, SteadyTime now);
  void released(Held& held, SteadyTime now);
  void lose(Held& held, std::string reason, SteadyTime now);
  void drop(const std::string& key);

  // lease_worker_acquire.cpp: getting
  void acquire(const Lease& lease, Acquiring::Way way, SteadyTime now);
  void go_on(Acquiring& acquiring, SteadyTime now, std::vector<Job>& jobs);
  void acquire_written(Acquiring& acquiring, SteadyTime begun, SteadyTime now, Answer answer);
  void acquire_row_read(Acquiring& acquiring, const std::optional<Lease>& row, SteadyTime now);
  void hand_over_row_read(Acquiring& acquiring, const Lease& row, SteadyTime now);
  void acquired(Acquiring& acquiring, std::uint64_t counter, SteadyTime begun, bool proven, SteadyTime now);
  void give_up(Acquiring& acquiring);

  [[nodiscard]] Duration renewal() const { return options.failover / 3 - std::chrono::milliseconds(25); }
  [[nodiscard]] Duration round() const { return options.failover / 3; }
  /// How often others are looked at: each has renewed in between, so that one look without a change is a suspicion.
  [[nodiscard]] Duration watch() const { return options.failover / 2; }
  [[nodiscard]] Duration margin() const { return options.failover / 8; }

  Options options;
  Random& random;
  LeaseObservations seen;
  std::unordered_map<std::string, Held> held;
  std::set<std::pair<SteadyTime, std::string>> due;  ///< when each held lease wants attention
  std::map<std::string, Acquiring> acquiring;
  std::unordered_set<std::string> robbed;  ///< a steal of ours may have landed unseen, or may yet
  std::list<Upkeep> upkeep;
  std::size_t upkeep_jobs = 0;
  std::unordered_multiset<std::string> creating;  ///< the keys in `upkeep` that are to be created
  std::unordered_map<std::uint64_t, Purpose> jobs_under_way;
  std::uint64_t last_job = 0;
  std::uint64_t scan_job = 0;  ///< under way; 0: none
  bool scanning_everything = true;
  LeaseShare share{};  ///< to watch
  SteadyTime scan_at;
  SteadyTime full_scan_at;
  SteadyTime scan_begun{};  ///< the last one
  SteadyTime rows_as_of;    ///< when the last scan of everything was begun
  bool stopping = false;
  std::vector<Event> events;
  Statistics statistics;
};

}  // namespace dynamirror::coordination
