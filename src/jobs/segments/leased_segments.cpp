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
      names_(options_.job),
      runner_(options_.worker, parts_.store, parts_.clock, parts_.random, parts_.executor,
              {.event = [this](LeaseWorker::Event event) { take(std::move(event)); },
               .failure =
                   [this](Error error) {
                     const Reason reason = reason_for(error);
                     fail(reason, std::move(error));
                   }}),
      keeping_(parts_.executor),
      rows_read_at_(parts_.clock.steady_now()) {
  for (std::uint32_t segment = 0; segment < options_.terms.segments; ++segment) {
    keys_.push_back(names_.key_of(options_.terms.segments, segment));
  }
}

void LeasedSegments::start(Work& work) {
  work_ = &work;
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

std::optional<std::uint32_t> LeasedSegments::segment_of(const std::string& key) const {
  return names_.segment_of(key, options_.terms.segments);
}

// ---- what the leases say

void LeasedSegments::take(LeaseWorker::Event event) {
  if (auto* rows = std::get_if<LeaseWorker::RowsRead>(&event)) {
    take_rows({.leases = std::move(rows->leases), .foreign = rows->foreign});
    return;
  }
  if (const auto* granted = std::get_if<LeaseWorker::Granted>(&event)) {
    begin(granted->lease);
  } else if (const auto* lost = std::get_if<LeaseWorker::Lost>(&event)) {
    const auto segment = segment_of(lost->key);
    if (!segment || held_.erase(*segment) == 0) return;
    runner_.warn_of_loss("segment", *lost);
    work_->lose(*segment);
  } else if (const auto* wanted = std::get_if<LeaseWorker::WindDown>(&event)) {
    const auto segment = segment_of(wanted->key);
    if (!segment || !held_.contains(*segment)) return;
    log::info("lease is handed over", {{"segment", wanted->key}});
    work_->wind_down(*segment);
  } else if (const auto* finished = std::get_if<LeaseWorker::Finished>(&event)) {
    const auto segment = segment_of(finished->key);
    if (!segment || held_.erase(*segment) == 0) return;
    ++finished_here_;
    look_at_once_ = held_.empty();
    work_->finished(*segment);
    note_done(*segment);
    news_.notify();
  }
}

void LeasedSegments::begin(const coordination::Lease& lease) {
  const auto segment = segment_of(lease.key);
  if (!segment) return;  // the next look at all rows says what is wrong
  auto position = to_position(*segment, lease.checkpoint);
  if (!position) {
    fail(Reason::kState, std::move(position.error()));
    return;
  }
  log::info("lease acquired", {{"segment", lease.key}, {"from", lease.checkpoint}});
  held_.insert(*segment);
  work_->begin(std::move(*position));
}

void LeasedSegments::take_rows(const coordination::LeaseRows& rows) {
  rows_read_at_ = parts_.clock.steady_now();
  auto found = names_.read(rows, parts_.store.describe());
  if (found && found->terms && *found->terms != options_.terms && found->announced) {
    found = failure(ErrorClass::kConflict, "share segments through lease table", parts_.store.describe(),
                    "its leases were reset while this job ran; start it again");
  }
  if (!found) {
    fail(Reason::kState, std::move(found.error()));
    return;
  }
  auto missing = names_.missing(options_.terms, found->there);
  if (!found->announced) missing.push_back(names_.announcement(options_.terms));
  if (!missing.empty()) runner_.maintain(std::move(missing));
  for (const coordination::Lease& row : rows.leases) {
    const auto segment = segment_of(row.key);
    if (segment && row.done() && !held_.contains(*segment)) note_done(*segment);
  }
  news_.notify();
}

void LeasedSegments::note_done(std::uint32_t segment) {
  if (done_.insert(segment).second && complete()) work_->all_done();
}

/// Who works sees all rows now and then, for its own sake. Who has nothing to do looks when that may have been the
/// end, and so often that the end is not missed.
async::Task<> LeasedSegments::watch() {
  const Duration interval = options_.worker.failover;
  while (!failed_) {
    const SteadyTime now = parts_.clock.steady_now();
    if (!complete() && (look_at_once_ || (held_.empty() && now - rows_read_at_ >= interval))) {
      look_at_once_ = false;
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
  runner_.checkpoint(keys_.at(safe.segment), to_checkpoint(safe));
}

void LeasedSegments::finish(std::uint32_t segment) { runner_.finish(keys_.at(segment), {}); }

void LeasedSegments::give_back(std::uint32_t segment) {
  held_.erase(segment);
  runner_.drained(keys_.at(segment));
}

std::optional<SteadyTime> LeasedSegments::write_until(std::uint32_t segment) const {
  return runner_.write_until(keys_.at(segment));
}

LeasedSegments::Status LeasedSegments::status() const {
  return {.segments = options_.terms.segments,
          .done = done(),
          .finished_here = finished_here_,
          .leases = runner_.statistics()};
}

}  // namespace dynamirror::jobs
