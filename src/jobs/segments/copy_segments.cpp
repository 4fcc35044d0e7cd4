// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/copy_segments.hpp"

#include <optional>
#include <utility>

namespace dynamirror::jobs {
void CopySegments::add(std::uint32_t segment) {
  const auto shard = pipeline_.add_shard();
  segments_[segment].shard = shard;
  shards_[shard] = segment;
}

void CopySegments::remove(std::uint32_t segment) {
  const auto found = segments_.find(segment);
  pipeline_.remove_shard(found->second.shard);
  shards_.erase(found->second.shard);
  segments_.erase(found);
}

std::size_t CopySegments::outstanding(std::uint32_t segment) const {
  return pipeline_.outstanding(segments_.at(segment).shard);
}

Status CopySegments::push_page(const aws::ScanPage& page, source::SegmentPosition position,
                               model::KeyCanonicalizer& keys, WallTime now) {
  Segment& segment = segments_.at(position.segment);
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto key = keys.from_item(page.item(i));
    if (!key) return std::unexpected(key.error());
    pipeline_.push(segment.shard, model::Change(*key, page.item(i), model::SequenceNumber::of(++segment.items), now));
  }
  // A page without items adds nothing to wait for: its end takes the place of the one before.
  if (!segment.ends.empty() && segment.ends.back().items == segment.items) segment.ends.pop_back();
  segment.ends.push_back({segment.items, std::move(position)});
  return {};
}

std::vector<state::ScanSegment> CopySegments::take_safe() {
  std::vector<state::ScanSegment> moved;
  for (auto& [number, segment] : segments_) {
    const auto& safe = pipeline_.safe(segment.shard);
    std::optional<source::SegmentPosition> newest;
    while (!segment.ends.empty()) {
      const PageEnd& end = segment.ends.front();
      if (end.items > 0 && (!safe || *safe < model::SequenceNumber::of(end.items))) break;
      newest = std::move(segment.ends.front().position);
      segment.ends.pop_front();
    }
    if (newest) moved.push_back({number, std::move(newest->after_key_json), newest->done});
  }
  return moved;
}

}  // namespace dynamirror::jobs
