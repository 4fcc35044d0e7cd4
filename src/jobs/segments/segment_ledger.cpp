// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/segment_ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace dynamirror::jobs {

state::ScanJob fresh_scan(const ScanPlan& plan, WallTime now) {
  state::ScanJob job{.purpose = plan.purpose,
                     .phase = plan.phase,
                     .share = plan.share,
                     .shares = plan.shares,
                     .split = plan.split,
                     .begun = std::chrono::floor<std::chrono::seconds>(now)};
  for (std::uint32_t i = 0; i < plan.split; ++i) job.segments.push_back({.segment = plan.share * plan.split + i});
  return job;
}

Status check_same_scan(const state::ScanJob& remembered, const ScanPlan& plan) {
  const auto refuse = [&](std::string message) {
    return failure(ErrorClass::kConflict, "resume " + plan.purpose, "of " + plan.table.str(), std::move(message));
  };
  if (remembered.purpose != plan.purpose) {
    return refuse("the state file remembers an unfinished " + remembered.purpose +
                  "; finish that one first, or choose another file with --state");
  }
  if (remembered.share == plan.share && remembered.shares == plan.shares && remembered.split == plan.split) return {};
  return refuse(
      fmt::format("it was begun as segment {} of {}, split {}, and this is segment {} of {}, split {}: its "
                  "positions do not fit. Use the same numbers, or remove the state file to start over",
                  remembered.share, remembered.shares, remembered.split, plan.share, plan.shares, plan.split));
}

JobResult<void> SegmentLedger::restore(state::ScanStore& store, WallTime now) {
  auto job = store.load_scan();
  if (!job) return job_failure(Reason::kState, std::move(job.error()));
  resumed_ = job->has_value();
  if (!resumed_) {
    *job = fresh_scan(plan_, now);
    if (auto saved = store.save_scan(**job); !saved) return job_failure(Reason::kState, saved.error());
  } else if (auto same = check_same_scan(**job, plan_); !same) {
    return job_failure(Reason::kState, same.error());
  }
  for (state::ScanSegment& segment : (*job)->segments) {
    if (segment.done) {
      ++done_;
    } else {
      from_.push_back({segment.segment, std::move(segment.after_key_json), false});
    }
  }
  return {};
}

void SegmentLedger::start(SegmentWork& work) {
  work_ = &work;
  for (source::SegmentPosition& position : std::exchange(from_, {})) {
    held_.insert(position.segment);
    work.begin(std::move(position));
  }
  if (complete()) work.all_done();
}

void SegmentLedger::checkpoint(const source::SegmentPosition& safe) {
  waiting_[safe.segment] = {.segment = safe.segment, .after_key_json = safe.after_key_json};
}

void SegmentLedger::finish(std::uint32_t segment) { waiting_[segment] = {.segment = segment, .done = true}; }

void SegmentLedger::stop() {
  for (const std::uint32_t segment : std::set(held_)) work_->wind_down(segment);
}

std::shared_ptr<const SegmentLedger::Save> SegmentLedger::begin_save() {
  if (under_way_ || waiting_.empty()) return nullptr;
  Save save;
  for (auto& [number, segment] : std::exchange(waiting_, {})) save.push_back(std::move(segment));
  under_way_ = std::make_shared<const Save>(std::move(save));
  return under_way_;
}

void SegmentLedger::save_ended(bool durable) {
  const auto save = std::exchange(under_way_, nullptr);
  for (const state::ScanSegment& segment : *save) {
    if (!durable) {
      waiting_.try_emplace(segment.segment, segment);  // unless something newer waits
    } else if (segment.done) {
      held_.erase(segment.segment);
      ++done_;
      work_->finished(segment.segment);
      if (complete()) work_->all_done();
    }
  }
}

bool SegmentLedger::end_waits() const {
  return std::ranges::any_of(waiting_, [](const auto& entry) { return entry.second.done; });
}

}  // namespace dynamirror::jobs
