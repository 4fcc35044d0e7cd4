// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "aws/dynamodb/scan.hpp"
#include "model/key_canonicalizer.hpp"
#include "model/sequence_number.hpp"
#include "pipeline/pipeline.hpp"
#include "source/table_scan.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::jobs {

/// Which positions of a scan are safe: the end of a page is, once every item up to it has left the pipeline. Each
/// segment is a shard of the pipeline, its items numbered from 1. Pure and not thread-safe.
class CopySegments {
 public:
  /// REQUIRES: the pipeline outlives this.
  explicit CopySegments(Pipeline& pipeline) : pipeline_(pipeline) {}

  void add(std::uint32_t segment);
  /// REQUIRES: `outstanding(segment) == 0`.
  void remove(std::uint32_t segment);

  /// Puts a page's items into the pipeline, with the time at which they were read; its segment stands at `position`
  /// after it. Errors: an item without the table's key; then nothing of the segment is safe any more.
  [[nodiscard]] Status push_page(const aws::ScanPage& page, source::SegmentPosition position,
                                 model::KeyCanonicalizer& keys, WallTime now);

  /// Items that have not left the pipeline.
  [[nodiscard]] std::size_t outstanding(std::uint32_t segment) const;
  /// REQUIRES: an item of this shard is in the pipeline.
  [[nodiscard]] std::uint32_t segment_of(Pipeline::ShardHandle shard) const { return shards_.at(shard); }

  /// The segments that have moved since the last call, each with its newest safe position.
  [[nodiscard]] std::vector<state::ScanSegment> take_safe();

 private:
  struct PageEnd {
    std::uint64_t items = 0;  ///< of the segment, up to this end
    source::SegmentPosition position;
  };
  struct Segment {
    Pipeline::ShardHandle shard = 0;
    std::uint64_t items = 0;
    std::deque<PageEnd> ends{};  ///< not safe yet; the items held in the pipeline bound them
  };

  Pipeline& pipeline_;
  std::map<std::uint32_t, Segment> segments_;
  std::unordered_map<Pipeline::ShardHandle, std::uint32_t> shards_;
};

}  // namespace dynamirror::jobs
