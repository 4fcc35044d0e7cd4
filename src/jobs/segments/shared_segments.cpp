// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/shared_segments.hpp"

#include <utility>

#include "base/log.hpp"

namespace dynamirror::jobs {

SharedSegments::SharedSegments(const SharedJob& job, SharedTerms terms, std::string table)
    : names_(job), terms_(std::move(terms)), table_(std::move(table)) {
  for (std::uint32_t segment = 0; segment < terms_.segments; ++segment) {
    keys_.push_back(names_.key_of(terms_.segments, segment));
  }
}

std::optional<std::uint32_t> SharedSegments::segment_of(const std::string& key) const {
  return names_.segment_of(key, terms_.segments);
}

std::optional<std::uint32_t> SharedSegments::held_segment(const std::string& key) const {
  const auto segment = segment_of(key);
  return segment && held_.contains(*segment) ? segment : std::nullopt;
}

Status SharedSegments::granted(const coordination::Lease& lease) {
  const auto segment = segment_of(lease.key);
  if (!segment) return {};  // the next look at all rows says what is wrong
  auto position = to_position(*segment, lease.checkpoint);
  if (!position) return std::unexpected(std::move(position.error()));
  log::info("lease acquired", {{"segment", lease.key}, {"from", lease.checkpoint}});
  held_.insert(*segment);
  work_->begin(std::move(*position));
  return {};
}

void SharedSegments::lost(const std::string& key) {
  const auto segment = held_segment(key);
  if (!segment) return;
  held_.erase(*segment);
  work_->lose(*segment);
}

void SharedSegments::wind_down(const std::string& key) {
  const auto segment = held_segment(key);
  if (!segment) return;
  log::info("lease is handed over", {{"segment", key}});
  work_->wind_down(*segment);
}

void SharedSegments::finished(const std::string& key) {
  const auto segment = held_segment(key);
  if (!segment) return;
  held_.erase(*segment);
  ++finished_here_;
  may_be_the_end_ = held_.empty();
  work_->finished(*segment);
  note_done(*segment);
}

Result<std::vector<coordination::LeaseWrite>> SharedSegments::rows_read(const coordination::LeaseRows& rows) {
  const auto found = names_.read(rows, table_);
  if (!found) return std::unexpected(found.error());
  if (found->terms && *found->terms != terms_ && found->announced) {
    return failure(ErrorClass::kConflict, "share segments through lease table", table_,
                   "its leases were reset while this job ran; start it again");
  }
  auto missing = names_.missing(terms_, found->there);
  if (!found->announced) missing.push_back(names_.announcement(terms_));
  for (const coordination::Lease& row : rows.leases) {
    const auto segment = segment_of(row.key);
    if (segment && row.done() && !held_.contains(*segment)) note_done(*segment);
  }
  return missing;
}

void SharedSegments::note_done(std::uint32_t segment) {
  if (done_.insert(segment).second && complete()) work_->all_done();
}

}  // namespace dynamirror::jobs
