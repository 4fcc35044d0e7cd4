// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/leased_tasks.hpp"

#include <utility>

#include "async/sleep.hpp"

namespace dynamirror::jobs {
namespace {

/// To end what is under way, and to give leases back, at the end.
constexpr std::chrono::seconds kCloseTime{4};
constexpr std::chrono::milliseconds kLook{100};
/// Nothing is begun when the lease ends sooner than this.
constexpr std::chrono::milliseconds kShortestWrite{100};

}  // namespace

LeasedTasks::LeasedTasks(Parts parts, Options options, Each each)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      each_(std::move(each)),
      leases_({parts_.leases, parts_.clock, parts_.random, parts_.executor}, options_.leases),
      turns_(options_.at_once),
      ending_(parts_.stop),
      working_(parts_.executor) {}

async::Task<JobResult<void>> LeasedTasks::run() {
  leases_.start(*this);
  co_await ending_.wait();
  co_await shut_down();
  if (ending_.failure()) co_return std::unexpected(*ending_.failure());
  if (!leases_.complete()) {
    co_return job_failure(Reason::kStopped,
                          Error{.error_class = ErrorClass::kTransient,
                                .doing = options_.doing,
                                .resource = options_.resource,
                                .code = std::string(kStoppedCode),
                                .message = "stopped as asked, before the end; " + std::string(leases_.after_stop())});
  }
  co_return JobResult<void>{};
}

// ---- leases

void LeasedTasks::begin(source::SegmentPosition from) {
  const std::uint32_t segment = from.segment;
  const auto [at, added] = active_.try_emplace(segment);
  if (added) {
    at->second.turn.segment = segment;
    at->second.turn.segments = options_.leases.terms.segments;
    working_.spawn(work(segment));
  } else {
    at->second.again = std::move(from);
  }
}

/// What has begun is brought to its end: half of it is worth nothing to the next owner. Who cannot wait takes the lease
/// away.
void LeasedTasks::wind_down(std::uint32_t segment) {
  const auto found = active_.find(segment);
  if (found == active_.end()) return;
  Active& one = found->second;
  if (std::exchange(one.again, std::nullopt)) {
    leases_.give_back(segment);
  } else if (one.state == State::kOurs && !one.begun) {
    one.state = State::kGivenBack;
    leases_.give_back(segment);
  } else if (ending()) {
    one.turn.stop.request();
  }
}

void LeasedTasks::lose(std::uint32_t segment) {
  const auto found = active_.find(segment);
  if (found == active_.end()) return;
  Active& one = found->second;
  one.again.reset();
  if (one.state == State::kFinishing) {
    active_.erase(found);
    return;
  }
  one.state = State::kLost;
  one.turn.stop.request();
}

// ---- work

async::Task<> LeasedTasks::work(std::uint32_t segment) {
  Active& one = active_.at(segment);
  {
    const auto turn = co_await turns_.acquire();
    if (one.state == State::kOurs && !ending()) {
      one.begun = true;
      auto ended = co_await each_(one.turn);
      if (!ended && !one.turn.stop.requested()) fail(std::move(ended.error()));
    }
  }
  end(segment);
}

/// Nothing of the segment is under way any more.
void LeasedTasks::end(std::uint32_t segment) {
  Active& one = active_.at(segment);
  if (one.state == State::kOurs && one.turn.done) {
    one.state = State::kFinishing;
    leases_.finish(segment);
    return;
  }
  if (one.state == State::kOurs) leases_.give_back(segment);
  std::optional<source::SegmentPosition> again = std::move(one.again);
  active_.erase(segment);
  if (again) begin(std::move(*again));
}

async::Task<bool> LeasedTasks::may_write(SegmentTurn& turn) {
  while (!turn.stop.requested()) {
    const auto until = leases_.write_until(turn.segment);
    if (!until) co_return false;
    if (*until > parts_.clock.steady_now() + kShortestWrite) co_return true;
    co_await async::sleep_for(kLook);
  }
  co_return false;
}

async::Task<> LeasedTasks::shut_down() {
  leases_.stop();
  // Also those that another worker had asked for before: they were left to end by themselves.
  for (auto& [segment, one] : active_) {
    if (one.state == State::kOurs && one.begun) one.turn.stop.request();
  }
  const SteadyTime begun = parts_.clock.steady_now();
  bool busy = true;
  while (busy) {
    busy = (leases_.holds_any() || !active_.empty()) && parts_.clock.steady_now() - begun < kCloseTime;
    if (busy) co_await leases_.changed().wait_for(kLook);
  }
  working_.cancel();
  co_await working_.join();
  if (auto closed = co_await leases_.close(); !closed) fail({Reason::kState, std::move(closed.error())});
}

}  // namespace dynamirror::jobs
