// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/task_core.hpp"

#include <chrono>

namespace dynamirror::jobs {
namespace {

/// Nothing is begun when the lease ends sooner than this.
constexpr std::chrono::milliseconds kShortestWrite{100};

}  // namespace

void TaskCore::begin(const source::SegmentPosition& from) {
  if (turns_.begin(from)) waiting_.push_back(from.segment);
}

/// What has begun is brought to its end: half of it is worth nothing to the next owner. Who cannot wait takes the lease
/// away.
void TaskCore::wind_down(std::uint32_t segment) {
  if (turns_.wind_down(segment) && waits_no_more(segment)) (void)turns_.rested(segment, false);
}

void TaskCore::lose(std::uint32_t segment) {
  if (turns_.lose(segment) && waits_no_more(segment)) (void)turns_.rested(segment, false);
}

std::optional<std::uint32_t> TaskCore::next() {
  if (stopping_ || waiting_.empty() || under_way_.size() >= at_once_) return std::nullopt;
  const std::uint32_t segment = waiting_.front();
  waiting_.pop_front();
  under_way_.insert(segment);
  return segment;
}

bool TaskCore::must_end(std::uint32_t segment) const {
  return stopping_ || turns_.state(segment) == SegmentTurns::State::kLost;
}

std::optional<bool> TaskCore::may_write(std::uint32_t segment, SteadyTime now) const {
  if (must_end(segment)) return false;
  const auto until = rights_.write_until(segment);
  if (!until) return false;
  if (*until > now + kShortestWrite) return true;
  return std::nullopt;
}

void TaskCore::ended(std::uint32_t segment, bool done) {
  under_way_.erase(segment);
  if (turns_.rested(segment, done)) waiting_.push_back(segment);
}

}  // namespace dynamirror::jobs
