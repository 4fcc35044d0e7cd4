// SPDX-License-Identifier: Apache-2.0
#include "jobs/copy/copy_core.hpp"

#include <utility>
#include <vector>

namespace dynamirror::jobs {

using State = SegmentTurns::State;

CopyCore::CopyCore(Parts parts, const model::KeySchema& key, Duration wind_down_time)
    : parts_(parts), wind_down_time_(wind_down_time), keys_(key), turns_(parts.rights) {
  parts_.writes.permit_writes([this](ShardHandle shard) { return write_permit(shard); });
}

// ---- what the keeper says

void CopyCore::begin(source::SegmentPosition from) {
  if (turns_.begin(from)) read_from(std::move(from));
}

void CopyCore::read_from(source::SegmentPosition from) {
  const ShardHandle shard = parts_.writes.add_shard();
  segments_[from.segment].shard = shard;
  segment_of_[shard] = from.segment;
  parts_.scan.add(std::move(from));
}

void CopyCore::wind_down(std::uint32_t segment) {
  if (turns_.wind_down(segment)) parts_.scan.remove(segment);
}

void CopyCore::lose(std::uint32_t segment) {
  if (turns_.lose(segment)) parts_.scan.remove(segment);
}

// ---- pages

bool CopyCore::wants_pages(std::uint32_t segment) const { return turns_.state(segment) == State::kOurs; }

/// Whether nothing more of it is to be written, nor its checkpoint moved.
bool CopyCore::is_over(std::uint32_t segment) const {
  return turns_.state(segment) == State::kLost || segments_.at(segment).let_go;
}

Status CopyCore::page_arrived(const aws::ScanPage& page, source::SegmentPosition position, WallTime now) {
  if (!wants_pages(position.segment)) return {};
  Segment& segment = segments_.at(position.segment);
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto key = keys_.from_item(page.item(i));
    if (!key) return std::unexpected(key.error());
    parts_.writes.push(segment.shard,
                       model::Change(*key, page.item(i), model::SequenceNumber::of(++segment.items), now));
  }
  segment.read_to_end = position.done;
  // A page without items adds nothing to wait for: its end takes the place of the one before.
  if (!segment.ends.empty() && segment.ends.back().items == segment.items) segment.ends.pop_back();
  segment.ends.push_back({segment.items, std::move(position)});
  return {};
}

/// Nothing: the lease's time is over, whether or not that has been said yet.
std::optional<SteadyTime> CopyCore::write_permit(ShardHandle shard) {
  const std::uint32_t segment = segment_of_.at(shard);
  if (is_over(segment)) return std::nullopt;
  const auto until = parts_.rights.write_until(segment);
  if (!until) lose(segment);  // what is released now must not be covered by a checkpoint
  return until;
}

// ---- what is safe, and what is at rest

std::optional<source::SegmentPosition> CopyCore::take_safe(Segment& segment) const {
  const auto& safe = parts_.writes.safe(segment.shard);
  std::optional<source::SegmentPosition> newest;
  while (!segment.ends.empty()) {
    PageEnd& end = segment.ends.front();
    if (end.items > 0 && (!safe || *safe < model::SequenceNumber::of(end.items))) break;
    newest = std::move(end.position);
    segment.ends.pop_front();
  }
  return newest;
}

void CopyCore::checkpoint() {
  for (auto& [number, segment] : segments_) {
    const auto safe = take_safe(segment);
    if (safe && !safe->done && !is_over(number)) parts_.rights.checkpoint(*safe);
  }
}

bool CopyCore::tend(SteadyTime now) {
  bool releases = false;
  std::vector<std::uint32_t> resting;
  for (auto& [number, segment] : segments_) {
    if (turns_.state(number) == State::kWindingDown && !segment.let_go) {
      if (!segment.let_go_at) segment.let_go_at = now + wind_down_time_;
      segment.let_go = now >= *segment.let_go_at;
      releases = releases || segment.let_go;
    }
    if (!parts_.scan.holds(number) && parts_.writes.outstanding(segment.shard) == 0) resting.push_back(number);
  }
  for (const std::uint32_t number : resting) at_rest(number);
  return releases;
}

void CopyCore::at_rest(std::uint32_t number) {
  const auto segment = segments_.find(number);
  const bool done = segment->second.read_to_end && !segment->second.let_go;
  parts_.writes.remove_shard(segment->second.shard);
  segment_of_.erase(segment->second.shard);
  segments_.erase(segment);
  if (auto again = turns_.rested(number, done)) read_from(std::move(*again));
}

}  // namespace dynamirror::jobs
