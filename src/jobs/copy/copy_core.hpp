// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

#include "aws/dynamodb/scan.hpp"
#include "base/clock.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_turns.hpp"
#include "model/key_canonicalizer.hpp"
#include "pipeline/write_core.hpp"
#include "source/table_scan.hpp"

namespace dynamirror::jobs {

/// The scan that brings a copy its pages, as the copy sees it: `source::TableScan` says what the calls mean.
class SegmentScan {
 public:
  virtual ~SegmentScan() = default;
  virtual void add(source::SegmentPosition position) = 0;
  virtual void remove(std::uint32_t segment) = 0;
  [[nodiscard]] virtual bool holds(std::uint32_t segment) const = 0;
};

/// Every decision of a copy about the segments that it was given: what of a page is pushed, what may be written, up to
/// where a segment is safe, and what becomes of one that was read to its end, is lost, or is another worker's now.
///
/// The items of a segment are numbered from 1 in each of its turns. The end of a page is a safe position once every
/// item up to it has left the buffer.
///
/// Never waits and does no I/O: `TableCopy` is the coroutines around it; the simulation runs it as it is. Not
/// thread-safe.
class CopyCore {
 public:
  using ShardHandle = WriteCore::ShardHandle;

  /// What it works with. All of it outlives the core.
  struct Parts {
    WriteCore& writes;
    SegmentRights& rights;
    SegmentScan& scan;
  };
  /// `wind_down_time`: of one segment that another worker waits for; then what is not written is left to it.
  CopyCore(Parts parts, const model::KeySchema& key, Duration wind_down_time);
  CopyCore(const CopyCore&) = delete;
  CopyCore& operator=(const CopyCore&) = delete;

  // ---- what the keeper says: see SegmentWork

  void begin(source::SegmentPosition from);
  void wind_down(std::uint32_t segment);
  void lose(std::uint32_t segment);
  void finished(std::uint32_t segment) { turns_.finished(segment); }

  // ---- pages

  /// Whether a page of this segment is to wait for room.
  [[nodiscard]] bool must_wait(std::uint32_t segment) const {
    return !parts_.writes.has_room() && wants_pages(segment);
  }
  /// Takes the next page, with the time at which it was read, unless the segment is not to be read any more; the
  /// segment stands at `position` after it. Errors: an item without the table's key.
  [[nodiscard]] Status page_arrived(const aws::ScanPage& page, source::SegmentPosition position, WallTime now);

  // ---- what is safe, and what is at rest

  /// Tells the keeper how far each segment is safe. A segment's end is not its checkpoint: `finish` says it.
  void checkpoint();
  /// Gives back, or finishes, what is at rest. Answers whether changes are to be released: `WriteCore::take` does.
  [[nodiscard]] bool tend(SteadyTime now);

 private:
  struct PageEnd {
    std::uint64_t items = 0;  ///< of the segment, up to this end
    source::SegmentPosition position;
  };
  /// One that is read, or of which something is under way.
  struct Segment {
    ShardHandle shard = 0;
    std::uint64_t items = 0;
    std::deque<PageEnd> ends{};  ///< not safe yet; the items held in the buffer bound them
    bool read_to_end = false;
    std::optional<SteadyTime> let_go_at{};  ///< of one that winds down
    bool let_go = false;                    ///< what waits is left to the next owner
  };

  void read_from(source::SegmentPosition from);
  void at_rest(std::uint32_t segment);
  [[nodiscard]] bool wants_pages(std::uint32_t segment) const;
  [[nodiscard]] bool is_over(std::uint32_t segment) const;
  [[nodiscard]] std::optional<SteadyTime> write_permit(ShardHandle shard);
  [[nodiscard]] std::optional<source::SegmentPosition> take_safe(Segment& segment) const;

  Parts parts_;
  Duration wind_down_time_;
  model::KeyCanonicalizer keys_;
  SegmentTurns turns_;
  std::map<std::uint32_t, Segment> segments_;
  std::unordered_map<ShardHandle, std::uint32_t> segment_of_;
};

}  // namespace dynamirror::jobs
