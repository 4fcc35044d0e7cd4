// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease_store.hpp"
#include "coordination/lease_worker.hpp"

namespace dynamirror::coordination {

/// Runs a LeaseWorker against a store: does its jobs, gives it the answers, hands its events out.
/// Not thread-safe: lives on one event loop.
class LeaseRunner {
 public:
  struct Handlers {
    std::function<void(LeaseWorker::Event)> event;  ///< called outside the worker's own calls
    std::function<void(Error)> failure;             ///< the store cannot be used any more: called once
  };

  /// What a worker works with; all of it outlives the runner.
  struct Parts {
    LeaseStore& store;
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
  };

  LeaseRunner(LeaseWorker::Options options, Parts parts, Handlers handlers);

  /// Runs until cancelled. Renewals end with it.
  [[nodiscard]] async::Task<> run();
  /// Ends requests under way, after `run` has ended.
  [[nodiscard]] async::Task<> abandon();

  // What the work says, and asks: as LeaseWorker.
  void checkpoint(const std::string& key, std::string text) { worker_.checkpoint(key, std::move(text)); }
  void checkpoint_now(const std::string& key, std::string text);
  void finish(const std::string& key, std::vector<Lease> children);
  void drained(const std::string& key);
  void maintain(std::vector<LeaseWrite> writes);
  void stop();
  [[nodiscard]] std::optional<SteadyTime> write_until(const std::string& key) const;
  [[nodiscard]] std::size_t held() const { return worker_.held(); }
  [[nodiscard]] LeaseWorker::Statistics statistics() const { return worker_.statistics(); }

  /// Notified whenever something was answered.
  [[nodiscard]] async::Signal& changed() { return changed_; }
  /// Since when the store has been asked without an answer (now: it has not), and what it said last when that was
  /// trouble.
  [[nodiscard]] SteadyTime last_answer() const { return unanswered_since_.value_or(clock_.steady_now()); }
  [[nodiscard]] const std::string& last_trouble() const { return last_trouble_; }
  /// One warning: why a lease was lost, and what the store said last when it is in trouble. `what`: "shard", "segment".
  void warn_of_loss(const char* what, const LeaseWorker::Lost& lost) const;

 private:
  [[nodiscard]] async::Task<> execute(LeaseWorker::Job job);
  [[nodiscard]] async::Task<> scan(std::uint64_t id, LeaseShare share);
  [[nodiscard]] async::Task<> get(std::uint64_t id, std::string key);
  [[nodiscard]] async::Task<> write(std::uint64_t id, LeaseWorker::Write write);
  void answered();
  void trouble(const Error& error);
  void deliver_events();
  void notice_sleep();

  LeaseWorker worker_;
  LeaseStore& store_;
  const Clock& clock_;
  Handlers handlers_;
  async::Semaphore slots_;
  async::TaskGroup jobs_;
  async::Signal wake_;
  async::Signal changed_;
  Duration suspended_;  ///< as far as the worker knows
  std::optional<SteadyTime> unanswered_since_;
  std::string last_trouble_;
  bool failed_ = false;
};

}  // namespace dynamirror::coordination
