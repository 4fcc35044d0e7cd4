// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/leased_tasks.hpp"

#include <utility>

#include "async/sleep.hpp"

namespace dynamirror::jobs {
namespace {

/// To end what is under way, and to give leases back, at the end.
constexpr std::chrono::seconds kCloseTime{4};
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

LeasedTasks::LeasedTasks(Parts parts, Options options, Each each)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      each_(std::move(each)),
      leases_({parts_.leases, parts_.clock, parts_.random, parts_.executor}, options_.leases),
      core_(leases_, options_.at_once),
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
  core_.begin(from);
  begin_turns();
}

void LeasedTasks::lose(std::uint32_t segment) {
  core_.lose(segment);
  end_turns();
}

// ---- work

void LeasedTasks::begin_turns() {
  if (ending()) return;
  while (const auto segment = core_.next()) {
    SegmentTurn& turn = turns_[*segment];
    turn.segment = *segment;
    turn.segments = options_.leases.terms.segments;
    working_.spawn(work(turn));
  }
}

/// Those that must end.
void LeasedTasks::end_turns() {
  for (auto& [segment, turn] : turns_) {
    if (core_.must_end(segment)) turn.stop.request();
  }
}

async::Task<> LeasedTasks::work(SegmentTurn& turn) {
  const std::uint32_t segment = turn.segment;
  auto ended = co_await each_(turn);
  if (!ended && !turn.stop.requested()) fail(std::move(ended.error()));
  const bool done = turn.done;
  turns_.erase(segment);
  core_.ended(segment, done);
  begin_turns();
}

async::Task<bool> LeasedTasks::may_write(SegmentTurn& turn) {
  while (!turn.stop.requested()) {
    const auto may = core_.may_write(turn.segment, parts_.clock.steady_now());
    if (may) co_return *may;
    co_await async::sleep_for(kLook);
  }
  co_return false;
}

async::Task<> LeasedTasks::shut_down() {
  core_.stop();
  end_turns();
  leases_.stop();
  const SteadyTime begun = parts_.clock.steady_now();
  bool busy = true;
  while (busy) {
    busy = (leases_.holds_any() || !core_.empty()) && parts_.clock.steady_now() - begun < kCloseTime;
    if (busy) co_await leases_.changed().wait_for(kLook);
  }
  working_.cancel();
  co_await working_.join();
  if (auto closed = co_await leases_.close(); !closed) fail({Reason::kState, std::move(closed.error())});
}

}  // namespace dynamirror::jobs
