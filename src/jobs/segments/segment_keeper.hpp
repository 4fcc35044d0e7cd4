// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "async/signal.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "pipeline/job_failure.hpp"
#include "source/table_scan.hpp"

namespace dynamirror::jobs {

/// What a job says of the segments that it was given, and asks. Each is one that has begun, and was neither lost nor
/// given back. Never waits. Not thread-safe.
class SegmentRights {
 public:
  virtual ~SegmentRights() = default;
  /// Durable soon.
  virtual void checkpoint(const source::SegmentPosition& safe) = 0;
  /// All of it is safe; `SegmentWork::finished` says when that is durable.
  virtual void finish(std::uint32_t segment) = 0;
  virtual void give_back(std::uint32_t segment) = 0;
  /// Until when the segment's writes may be sent; nothing: never again.
  [[nodiscard]] virtual std::optional<SteadyTime> write_until(std::uint32_t segment) const = 0;
};

/// The job, as its keeper sees it. Its calls return soon; they may be made from within calls to the keeper.
class SegmentWork {
 public:
  virtual ~SegmentWork() = default;
  /// The segment is ours, from here on. What is still under way of it from an earlier time must come to rest first.
  virtual void begin(source::SegmentPosition from) = 0;
  /// Nothing more of it is to be read: finish what is under way, then call `give_back`, or `finish` at the segment's
  /// end.
  virtual void wind_down(std::uint32_t segment) = 0;
  /// The segment is another's: nothing of it may be written any more.
  virtual void lose(std::uint32_t segment) = 0;
  /// `finish` is durable.
  virtual void finished(std::uint32_t segment) = 0;
  /// `complete` has turned true.
  virtual void all_done() = 0;
  virtual void fail(JobFailure failure) = 0;
};

/// Says which segments of a scan this process works on, and makes durable how far each is safe: alone, with a state
/// file (LocalSegments), or as one of several workers, with leases (LeasedSegments). Not thread-safe: one event loop.
class SegmentKeeper : public SegmentRights {
 public:
  using Work = SegmentWork;

  /// Reads what is remembered, or begins anew. Called once, before `start`.
  [[nodiscard]] virtual JobResult<void> restore(WallTime now) = 0;
  /// Begins to hand out segments. REQUIRES: `work` outlives `close`.
  virtual void start(Work& work) = 0;

  /// Hands out nothing any more; every segment winds down. Over when `holds_any` is false.
  virtual void stop() = 0;
  [[nodiscard]] virtual bool holds_any() const = 0;
  /// Notified whenever one of these answers may have changed.
  [[nodiscard]] virtual async::Signal& changed() = 0;
  /// Ends; what is safe is durable when this returns.
  [[nodiscard]] virtual async::Task<Status> close() = 0;

  /// Whether all segments of the job are done, by whomever.
  [[nodiscard]] virtual bool complete() const = 0;
  [[nodiscard]] virtual std::uint32_t done() const = 0;
  /// Whether an earlier run had begun.
  [[nodiscard]] virtual bool resumed() const = 0;
  /// What a user may do about a job that was stopped before its end, for messages.
  [[nodiscard]] virtual std::string_view after_stop() const = 0;
};

}  // namespace dynamirror::jobs
