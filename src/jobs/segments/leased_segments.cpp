// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/leased_segments.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::jobs {

using coordination::LeaseWorker;

LeasedSegments::LeasedSegments(Parts parts, Options options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      segments_(options_.job, options_.terms, parts_.store.describe()),
      runner_(options_.worker, parts_,
              {.event = [this](const LeaseWorker::Event& event) { take(event); },
               .failure =
                   [this](Error error) {
                     const Reason reason = reason_for(error);
                     fail(reason, std::move(error));
                   }}),
      keeping_(parts_.executor),
      rows_read_at_(parts_.clock.steady_now()) {}

void LeasedSegments::start(Work& work) {
  work_ = &work;
  segments_.start(work);
  keeping_.spawn(runner_.run());
  keeping_.spawn(watch());
}

async::Task<dynamirror::Status> LeasedSegments::close() {
  keeping_.cancel();
  co_await keeping_.join();
  co_await runner_.abandon();
  const Status status = this->status();
  log::info("left the shared " + options_.job.purpose, {{"segments_done", std::to_string(status.done)},
                                                        {"segments", std::to_string(status.segments)},
                                                        {"finished_here", std::to_string(status.finished_here)}});
  co_return dynamirror::Status{};
}

void LeasedSegments::fail(Reason reason, Error error) {
  if (!std::exchange(failed_, true)) work_->fail({reason, std::move(error)});
}

// ---- what the leases say

void LeasedSegments::take(const LeaseWorker::Event& event) {
  if (const auto* rows = std::get_if<LeaseWorker::RowsRead>(&event)) {
    take_rows({.leases = rows->leases, .foreign = rows->foreign});
  } else if (const auto* granted = std::get_if<LeaseWorker::Granted>(&event)) {
    if (auto begun = segments_.granted(granted->lease); !begun) fail(Reason::kState, std::move(begun.error()));
  } else if (const auto* lost = std::get_if<LeaseWorker::Lost>(&event)) {
    if (segments_.holds(lost->key)) runner_.warn_of_loss("segment", *lost);
    segments_.lost(lost->key);
  } else if (const auto* wanted = std::get_if<LeaseWorker::WindDown>(&event)) {
    segments_.wind_down(wanted->key);
  } else if (const auto* finished = std::get_if<LeaseWorker::Finished>(&event)) {
    segments_.finished(finished->key);
    news_.notify();
  }
}

void LeasedSegments::take_rows(const coordination::LeaseRows& rows) {
  rows_read_at_ = parts_.clock.steady_now();
  auto missing = segments_.rows_read(rows);
  if (!missing) {
    fail(Reason::kState, std::move(missing.error()));
    return;
  }
  if (!missing->empty()) runner_.maintain(std::move(*missing));
  news_.notify();
}

/// Who works sees all rows now and then, for its own sake. Who has nothing to do looks when that may have been the
/// end, and so often that the end is not missed.
async::Task<> LeasedSegments::watch() {
  const Duration interval = options_.worker.failover;
  while (!failed_) {
    const SteadyTime now = parts_.clock.steady_now();
    const bool due = !segments_.holds_any() && now - rows_read_at_ >= interval;
    const bool may_be_the_end = segments_.take_may_be_the_end();
    if (!complete() && (due || may_be_the_end)) {
      const coordination::LeaseShare everything;
      const auto rows = co_await parts_.store.scan(everything);
      if (rows) take_rows(*rows);
      if (!rows && !rows.error().retryable()) fail(reason_for(rows.error()), rows.error());
    }
    if (now - runner_.last_answer() > options_.stall_timeout) {
      fail(Reason::kStalled, Error{.error_class = ErrorClass::kTransient,
                                   .doing = "keep leases in",
                                   .resource = parts_.store.describe(),
                                   .code = {},
                                   .message = "no answer for " + format_duration(options_.stall_timeout) +
                                              "; last: " + runner_.last_trouble()});
    }
    co_await news_.wait_for(interval / 2);
  }
}

// ---- what the job says

void LeasedSegments::checkpoint(const source::SegmentPosition& safe) {
  runner_.checkpoint(segments_.key_of(safe.segment), to_checkpoint(safe));
}

void LeasedSegments::finish(std::uint32_t segment) { runner_.finish(segments_.key_of(segment), {}); }

void LeasedSegments::give_back(std::uint32_t segment) {
  segments_.given_back(segment);
  runner_.drained(segments_.key_of(segment));
}

std::optional<SteadyTime> LeasedSegments::write_until(std::uint32_t segment) const {
  return runner_.write_until(segments_.key_of(segment));
}

LeasedSegments::Status LeasedSegments::status() const {
  return {.segments = segments_.segments(),
          .done = done(),
          .finished_here = segments_.finished_here(),
          .leases = runner_.statistics()};
}

}  // namespace dynamirror::jobs
