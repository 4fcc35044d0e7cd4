// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_runner.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::coordination {
namespace {

/// Requests to the store under way at once: enough to renew thousands of leases in time.
constexpr std::size_t kMostRequests = 32;
constexpr std::chrono::microseconds kShortestPause{200};
constexpr std::chrono::seconds kLongestPause{1};
/// Less is the time between two looks at two clocks.
constexpr std::chrono::milliseconds kShortestSleep{20};

}  // namespace

LeaseRunner::LeaseRunner(LeaseWorker::Options options, Parts parts, Handlers handlers)
    : worker_(std::move(options), parts.random, parts.clock.steady_now()),
      store_(parts.store),
      clock_(parts.clock),
      handlers_(std::move(handlers)),
      slots_(kMostRequests),
      jobs_(std::move(parts.executor)),
      suspended_(suspended_time()) {}

async::Task<> LeaseRunner::run() {
  while (true) {
    notice_sleep();
    for (LeaseWorker::Job& job : worker_.take_jobs(clock_.steady_now())) jobs_.spawn(execute(std::move(job)));
    deliver_events();
    const Duration pause = worker_.next_wake() - clock_.steady_now();
    (void)co_await wake_.wait_for(std::clamp<Duration>(pause, kShortestPause, kLongestPause));
  }
}

async::Task<> LeaseRunner::abandon() {
  jobs_.cancel();
  co_await jobs_.join();
}

std::optional<SteadyTime> LeaseRunner::write_until(const std::string& key) const {
  if (suspended_time() - suspended_ >= kShortestSleep) return SteadyTime::min();  // until `run` has noticed
  return worker_.write_until(key);
}

/// A hibernated machine wakes with its timers as they were, and leases that are long another's.
void LeaseRunner::notice_sleep() {
  const Duration slept = suspended_time() - suspended_;
  if (slept < kShortestSleep) return;
  suspended_ += slept;
  worker_.slept(slept, clock_.steady_now());
}

void LeaseRunner::deliver_events() {
  for (LeaseWorker::Event& event : worker_.take_events()) handlers_.event(std::move(event));
}

void LeaseRunner::checkpoint_now(const std::string& key, std::string text) {
  worker_.checkpoint_now(key, std::move(text));
  wake_.notify();
}

void LeaseRunner::finish(const std::string& key, std::vector<Lease> children) {
  worker_.finish(key, std::move(children));
  wake_.notify();
}

void LeaseRunner::drained(const std::string& key) {
  worker_.drained(key);
  wake_.notify();
}

void LeaseRunner::maintain(std::vector<LeaseWrite> writes) {
  worker_.maintain(std::move(writes));
  wake_.notify();
}

void LeaseRunner::stop() {
  worker_.stop();
  wake_.notify();
}

async::Task<> LeaseRunner::execute(LeaseWorker::Job job) {
  const auto slot = co_await slots_.acquire();
  if (!unanswered_since_) unanswered_since_ = clock_.steady_now();
  if (const auto* scan_job = std::get_if<LeaseWorker::Scan>(&job.what)) {
    co_await scan(job.id, scan_job->share);
  } else if (auto* get_job = std::get_if<LeaseWorker::Get>(&job.what)) {
    co_await get(job.id, std::move(get_job->key));
  } else {
    co_await write(job.id, std::move(std::get<LeaseWorker::Write>(job.what)));
  }
  wake_.notify();
  changed_.notify();
}

async::Task<> LeaseRunner::scan(std::uint64_t id, LeaseShare share) {
  const auto rows = co_await store_.scan(share);
  if (rows) {
    answered();
    worker_.scanned(id, clock_.steady_now(), *rows);
  } else {
    trouble(rows.error());
    worker_.scanned(id, clock_.steady_now(), std::nullopt);
  }
}

async::Task<> LeaseRunner::get(std::uint64_t id, std::string key) {
  const auto row = co_await store_.get(std::move(key));
  if (row) {
    answered();
    worker_.got(id, clock_.steady_now(), true, *row);
  } else {
    trouble(row.error());
    worker_.got(id, clock_.steady_now(), false, std::nullopt);
  }
}

async::Task<> LeaseRunner::write(std::uint64_t id, LeaseWorker::Write write) {
  SteadyTime begun = clock_.steady_now();
  const Duration suspended = suspended_time();
  const auto outcome = co_await store_.write(std::move(write.write), write.not_after);
  begun -= suspended_time() - suspended;
  auto answer = LeaseWorker::Answer::kUnknown;
  if (outcome) {
    answered();
    const bool done = *outcome == LeaseStore::Outcome::kDone;
    answer = done ? LeaseWorker::Answer::kDone : LeaseWorker::Answer::kConflict;
  } else {
    trouble(outcome.error());
    if (outcome.error().not_applied) answer = LeaseWorker::Answer::kNotSent;
  }
  worker_.written(id, begun, clock_.steady_now(), answer);
}

void LeaseRunner::warn_of_loss(const char* what, const LeaseWorker::Lost& lost) const {
  std::string trouble = last_trouble_;
  if (trouble.empty() && unanswered_since_) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - *unanswered_since_);
    trouble = store_.describe() + " has not answered for " + format_duration(since);
  }
  log::warning("lease lost", {{what, lost.key}, {"reason", lost.reason}, {"last_trouble", trouble}});
}

void LeaseRunner::answered() {
  unanswered_since_.reset();
  last_trouble_.clear();
}

void LeaseRunner::trouble(const Error& error) {
  last_trouble_ = to_line(error);
  if (!error.retryable() && !std::exchange(failed_, true)) handlers_.failure(error);
}

}  // namespace dynamirror::coordination
