// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "coordination/lease_rules.hpp"
#include "coordination/lease_worker.hpp"

namespace dynamirror::coordination {

using namespace std::chrono_literals;

/// A lease table that does what it is told at once.
class LeaseTable {
 public:
  std::map<std::string, Lease> rows;
  std::vector<LeaseWrite> done;  ///< the writes whose condition held, in order

  bool write(const LeaseWrite& write) {
    const auto at = rows.find(write.key);
    auto after = apply_write(write, at == rows.end() ? std::nullopt : std::optional(at->second));
    if (!after) return false;
    done.push_back(write);
    if (after->lease) {
      rows.insert_or_assign(write.key, *after->lease);
    } else {
      rows.erase(write.key);
    }
    return true;
  }

  [[nodiscard]] std::vector<LeaseWrite> done_to(const std::string& key) const {
    std::vector<LeaseWrite> writes;
    std::ranges::copy_if(done, std::back_inserter(writes), [&](const LeaseWrite& one) { return one.key == key; });
    return writes;
  }

  [[nodiscard]] LeaseRows scan(LeaseShare share) const {
    LeaseRows read;
    for (const auto& [key, lease] : rows) {
      if (in_share(key, share)) read.leases.push_back(lease);
    }
    return read;
  }

  [[nodiscard]] std::optional<Lease> get(const std::string& key) const {
    const auto at = rows.find(key);
    return at == rows.end() ? std::nullopt : std::optional(at->second);
  }
};

/// Plays a worker's driver: does its jobs on the table without delay, unless told otherwise.
class Player {
 public:
  using Answer = LeaseWorker::Answer;
  static constexpr Duration kFailover = 10s;

  struct Trouble {
    Answer answer = Answer::kUnknown;
    bool lands = false;
  };

  Player(LeaseTable& table, const std::string& id, SteadyTime now, std::uint64_t seed = 1, std::size_t max_steals = 1,
         std::size_t max_leases = 1'000)
      : table_(table),
        random_(seed),
        worker({.worker_id = id, .failover = kFailover, .max_leases = max_leases, .max_steals = max_steals}, random_,
               now) {}

  /// What shall go wrong with a write; nothing: it goes well.
  std::function<std::optional<Trouble>(const LeaseWrite&)> trouble = [](const LeaseWrite&) { return std::nullopt; };
  /// Leaves the jobs of the next turn in `held_back` instead of doing them.
  bool hold_back = false;
  std::vector<LeaseWorker::Job> held_back;
  std::size_t scans = 0;
  std::size_t looks = 0;
  std::deque<LeaseWorker::Event> events;

  /// Does all that is due.
  void go(SteadyTime now) {
    for (int turn = 0; turn < 1000; ++turn) {
      const auto jobs = worker.take_jobs(now);
      collect();
      if (jobs.empty()) return;
      for (const auto& job : jobs) hold_back ? held_back.push_back(job) : perform(job, now, now);
    }
    assert(!"the worker finds no rest");
  }

  void perform(const LeaseWorker::Job& job, SteadyTime begun, SteadyTime now) {
    if (const auto* scan = std::get_if<LeaseWorker::Scan>(&job.what)) {
      ++scans;
      worker.scanned(job.id, now, table_.scan(scan->share));
    } else if (const auto* get = std::get_if<LeaseWorker::Get>(&job.what)) {
      ++looks;
      worker.got(job.id, now, true, table_.get(get->key));
    } else {
      const LeaseWrite& write = std::get<LeaseWorker::Write>(job.what).write;
      const auto wrong = trouble(write);
      const bool holds = wrong && !wrong->lands ? false : table_.write(write);
      worker.written(job.id, begun, now, wrong ? wrong->answer : holds ? Answer::kDone : Answer::kConflict);
    }
    collect();
  }

  /// The events of one kind that came for a lease; they are kept.
  template <class Event>
  [[nodiscard]] std::size_t count(const std::string& key) const {
    return static_cast<std::size_t>(std::ranges::count_if(events, [&](const LeaseWorker::Event& event) {
      const Event* one = std::get_if<Event>(&event);
      if constexpr (std::is_same_v<Event, LeaseWorker::Granted>) {
        return one != nullptr && one->lease.key == key;
      } else {
        return one != nullptr && one->key == key;
      }
    }));
  }

 private:
  void collect() {
    for (auto& event : worker.take_events()) events.push_back(std::move(event));
  }

  LeaseTable& table_;
  Random random_;

 public:
  LeaseWorker worker;
};

/// Lets time pass for players. `each` is called at every step, e.g. to play another kind of worker.
inline void pass(
    SteadyTime& now, Duration time, const std::vector<Player*>& players, const std::function<void()>& each = [] {}) {
  constexpr Duration kStep = 50ms;
  for (const SteadyTime end = now + time; now < end; now += kStep) {
    each();
    for (Player* player : players) player->go(now);
  }
}

}  // namespace dynamirror::coordination
