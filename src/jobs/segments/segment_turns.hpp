// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "jobs/segments/segment_keeper.hpp"

namespace dynamirror::jobs {

/// What becomes of each segment that a keeper hands to this process: it is worked on, is to be left to another worker,
/// is lost, or is done. A segment that comes back while something of its earlier turn is under way waits until that is
/// at rest. Pure; not thread-safe.
class SegmentTurns {
 public:
  enum class State {
    kOurs,
    kWindingDown,  ///< another worker waits for it
    kLost,
    kFinishing,  ///< all of it is done; the keeper is told so
  };

  /// REQUIRES: the rights outlive this.
  explicit SegmentTurns(SegmentRights& rights) : rights_(rights) {}

  // ---- what the keeper says

  /// Whether its turn begins now: otherwise `rested` hands it out.
  [[nodiscard]] bool begin(const source::SegmentPosition& from);
  /// Whether its turn is to end, which it was not before.
  [[nodiscard]] bool wind_down(std::uint32_t segment);
  /// Whether something of it may be under way.
  [[nodiscard]] bool lose(std::uint32_t segment);
  void finished(std::uint32_t segment) { turns_.erase(segment); }

  // ---- what its work says

  /// Nothing of the segment is under way any more. `done`: all of it is safe. Answers where its next turn begins, if it
  /// came back meanwhile.
  [[nodiscard]] std::optional<source::SegmentPosition> rested(std::uint32_t segment, bool done);

  /// Nothing for a segment that is another's, and at rest.
  [[nodiscard]] std::optional<State> state(std::uint32_t segment) const;
  [[nodiscard]] bool empty() const { return turns_.empty(); }

 private:
  struct Turn {
    State state = State::kOurs;
    std::optional<source::SegmentPosition> again{};  ///< ours anew, once what was lost is at rest
  };

  SegmentRights& rights_;
  std::map<std::uint32_t, Turn> turns_;
};

}  // namespace dynamirror::jobs
