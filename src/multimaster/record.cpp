// SPDX-License-Identifier: Apache-2.0
#include "multimaster/record.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace dynamirror::multimaster {
namespace {

Result<std::optional<ItemState>> read_image(std::string_view image) {
  if (image.empty()) return std::optional<ItemState>();
  auto state = read_state(image);
  if (!state) return std::unexpected(std::move(state.error()));
  return std::optional<ItemState>(std::move(*state));
}

std::optional<Version> version_of(std::string_view image) {
  const auto state = read_image(image);
  return state && *state ? (*state)->version : std::nullopt;
}

std::optional<Version> erased_by(std::string_view image) {
  const auto state = read_image(image);
  return state && *state && (*state)->erased ? std::optional((*state)->erased->version) : std::nullopt;
}

/// What is written after an erasure must get a greater version than that, but not this local write from before it.
void bring_erasure(model::Change& local, const model::Change& ours) {
  const auto record = read_record(ours);
  if (!record || writer_of(*record) != Writer::kEraser || record->time > record->old_image->version->time()) return;
  const std::string before(local.old_image().empty() ? local.key() : local.old_image());
  local.set_old_image(with_erasure(before, {*record->old_image->version, ours.sequence()}));
}

bool is_applications(const model::Change& change) {
  const auto record = read_record(change);
  return !record || writer_of(*record) == Writer::kApplication;
}

}  // namespace

Result<Record> read_record(const model::Change& change) {
  auto old_image = read_image(change.old_image());
  if (!old_image) return std::unexpected(std::move(old_image.error()));
  auto new_image = read_image(change.image());
  if (!new_image) return std::unexpected(std::move(new_image.error()));
  const auto created = change.created().time_since_epoch();
  Record record{.kind = change.kind(),
                .sequence = change.sequence(),
                .time = std::chrono::duration_cast<std::chrono::microseconds>(created).count(),
                .expiry = change.is_expiry(),
                .old_image = std::move(*old_image),
                .new_image = std::move(*new_image)};
  const auto& before = record.old_image;
  if (record.is_removal() && before && before->deleted && !before->clean()) {
    record.kind = model::Change::Kind::kModify;
    record.new_image = before;
    record.erased_unseen = true;
  }
  return record;
}

Writer writer_of(const Record& record) {
  const auto& before = record.old_image;
  if (record.is_removal()) {
    return before && before->deleted && before->clean() ? Writer::kEraser : Writer::kApplication;
  }
  const auto& after = record.new_image;
  if (after && after->deleted && after->clean()) {  // by an application, if it brought a content of another time
    return !before || before->content == after->content ? Writer::kStamp : Writer::kApplication;
  }
  const bool newer = after && after->version && (!before || before->version < after->version);
  if (!newer) return Writer::kApplication;
  const bool same = before && before->content == after->content;
  if (!after->clean()) return same ? Writer::kTouch : Writer::kApplication;
  if (!same) return Writer::kReplicator;
  return Writer::kStamp;
}

bool needs_work(const Record& record, const std::string& origin, Topology topology) {
  const Writer writer = writer_of(record);
  const bool marked = record.new_image && record.new_image->deleted;
  if (marked && writer != Writer::kApplication) {
    return record.kind == model::Change::Kind::kInsert;  // a mark on nothing may have come late; others are erased next
  }
  switch (writer) {
    case Writer::kApplication:
    case Writer::kTouch:
      return true;
    case Writer::kStamp:
      // Another table's write of the content that was there looks like one.
      return topology == Topology::kRing && record.new_image->version->origin() != origin;
    case Writer::kReplicator:
      // In a mesh what was put back here, and what an application may have put back after it was deleted.
      return topology == Topology::kRing || record.new_image->version->origin() == origin ||
             record.kind == model::Change::Kind::kInsert;
    case Writer::kEraser:
      // In a mesh only where a write made after it could get a smaller version.
      return topology == Topology::kRing || Version(record.time, record.sequence, origin) < *record.old_image->version;
  }
  return true;
}

bool combine(model::Change& newer, model::Change& older) {
  if (!is_applications(newer)) {
    if (!is_applications(older)) return true;
    bring_erasure(older, newer);
    return false;
  }
  auto greatest = version_of(newer.old_image());
  const auto own = greatest;
  for (const std::string_view image : {older.old_image(), older.image()}) greatest = later(greatest, version_of(image));
  greatest = later(greatest, erased_by(older.old_image()));
  if (own < greatest) {
    const auto before = read_image(newer.old_image());
    const bool there = before && *before;
    const bool marked = there && (*before)->deleted;  // then it may have been erased unseen
    const std::string content(newer.old_image().empty() ? newer.key() : newer.old_image());
    std::string image = with_marks(content, {.version = *greatest, .deleted = marked});
    if (there && (*before)->erased) image = with_erasure(image, *(*before)->erased);
    newer.set_old_image(image);
  }
  newer.set_created(std::max(newer.created(), older.created()));  // the service's clock may have been set back
  return true;
}

}  // namespace dynamirror::multimaster
