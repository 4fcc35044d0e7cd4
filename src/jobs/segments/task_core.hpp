// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_turns.hpp"

namespace dynamirror::jobs {

/// Every decision of a job that does each of its segments in one go (an object of a dump, a part of a comparison):
/// whose turn begins, which is to end early, and what becomes of a segment then.
///
/// Never waits and does no I/O: `LeasedTasks` is the coroutines around it; the simulation runs it as it is. Not
/// thread-safe.
class TaskCore {
 public:
  /// `at_once`: segments worked on, of those held. REQUIRES: the rights outlive this.
  TaskCore(SegmentRights& rights, std::size_t at_once) : rights_(rights), turns_(rights), at_once_(at_once) {}

  // ---- what the keeper says: see SegmentWork

  void begin(const source::SegmentPosition& from);
  void wind_down(std::uint32_t segment);
  void lose(std::uint32_t segment);
  void finished(std::uint32_t segment) { turns_.finished(segment); }
  /// No turn begins any more, and those under way are to end. The keeper is told to stop, too.
  void stop() { stopping_ = true; }

  // ---- the work

  /// A segment whose turn begins now.
  [[nodiscard]] std::optional<std::uint32_t> next();
  /// Of a turn under way: whether it is to end at once.
  [[nodiscard]] bool must_end(std::uint32_t segment) const;
  /// Of a turn under way: whether something of it may be written; nothing: that is not known before its lease is
  /// renewed.
  [[nodiscard]] std::optional<bool> may_write(std::uint32_t segment, SteadyTime now) const;
  /// A turn is over. `done`: all of the segment is durable.
  void ended(std::uint32_t segment, bool done);

  /// Nothing is under way, and nothing waits for its turn, or to be known as done.
  [[nodiscard]] bool empty() const { return turns_.empty(); }

 private:
  [[nodiscard]] bool waits_no_more(std::uint32_t segment) { return std::erase(waiting_, segment) > 0; }

  SegmentRights& rights_;
  SegmentTurns turns_;
  std::size_t at_once_;
  std::deque<std::uint32_t> waiting_;
  std::set<std::uint32_t> under_way_;
  bool stopping_ = false;
};

}  // namespace dynamirror::jobs
