// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/segment_turns.hpp"

#include <utility>

namespace dynamirror::jobs {

bool SegmentTurns::begin(const source::SegmentPosition& from) {
  const auto [turn, added] = turns_.try_emplace(from.segment);
  if (!added) turn->second.again = from;
  return added;
}

bool SegmentTurns::wind_down(std::uint32_t segment) {
  const auto turn = turns_.find(segment);
  if (turn == turns_.end()) return false;
  if (std::exchange(turn->second.again, std::nullopt)) {
    rights_.give_back(segment);
    return false;
  }
  if (turn->second.state != State::kOurs) return false;
  turn->second.state = State::kWindingDown;
  return true;
}

bool SegmentTurns::lose(std::uint32_t segment) {
  const auto turn = turns_.find(segment);
  if (turn == turns_.end()) return false;  // at rest already
  turn->second.again.reset();
  if (turn->second.state == State::kFinishing) {
    turns_.erase(turn);
    return false;
  }
  turn->second.state = State::kLost;
  return true;
}

std::optional<source::SegmentPosition> SegmentTurns::rested(std::uint32_t segment, bool done) {
  const auto turn = turns_.find(segment);
  if (turn->second.state == State::kLost) {
    std::optional<source::SegmentPosition> again = std::move(turn->second.again);
    turn->second = {};
    if (!again) turns_.erase(turn);
    return again;
  }
  if (done) {
    turn->second.state = State::kFinishing;
    rights_.finish(segment);
  } else {
    turns_.erase(turn);
    rights_.give_back(segment);
  }
  return std::nullopt;
}

std::optional<SegmentTurns::State> SegmentTurns::state(std::uint32_t segment) const {
  const auto turn = turns_.find(segment);
  if (turn == turns_.end()) return std::nullopt;
  return turn->second.state;
}

}  // namespace dynamirror::jobs
