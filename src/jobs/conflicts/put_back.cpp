// SPDX-License-Identifier: Apache-2.0
#include "jobs/conflicts/put_back.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "multimaster/item_state.hpp"

namespace dynamirror::jobs {
namespace {

using Rows = std::vector<sink::ConflictRow>;

/// The row of the loser that the user means; a loser may have lost to several winners.
Result<sink::ConflictRow> choose(const SharedTable& table, const Rows& rows, const std::string& loser) {
  const auto wrong = [&](ErrorClass error_class, std::string message) {
    return failure(error_class, "take the loser of a conflict", table.display(), std::move(message));
  };
  if (rows.empty()) {
    return wrong(ErrorClass::kNotFound,
                 "no conflict of this key is noted here; it may be noted beside the other table, and ends after seven "
                 "days (`dynamirror conflicts list` shows all)");
  }
  const sink::ConflictRow* chosen = nullptr;
  for (const sink::ConflictRow& row : rows) {
    const std::string text = row.loser.text();
    if (!loser.empty() && text != loser) continue;
    if (chosen != nullptr && chosen->loser != row.loser) {
      return wrong(ErrorClass::kInvalid,
                   "this key has several losers; name one with --loser (`dynamirror conflicts show` shows them)");
    }
    if (chosen == nullptr || !chosen->loser_image) chosen = &row;
  }
  if (chosen == nullptr) {
    return wrong(ErrorClass::kNotFound,
                 "no conflict of this key has the loser " + loser + "; `dynamirror conflicts show` shows them");
  }
  if (!chosen->loser_image && !chosen->loser_deletes()) {
    return wrong(ErrorClass::kNotFound,
                 "the loser's item was not at hand when the conflict was noted; look beside the other table");
  }
  return *chosen;
}

Result<bool> is_needed(const SharedTable::Write& write) {
  if (!write.as_read || !write.content) return write.as_read.has_value() != write.content.has_value();
  const auto before = multimaster::read_state(*write.as_read);
  if (!before) return std::unexpected(before.error());
  const auto after = multimaster::read_state(*write.content);
  if (!after) return std::unexpected(after.error());
  return before->deleted || before->content != after->content;
}

/// Where else a deleted item may be kept.
std::string other_places(const Rows& rows, const multimaster::Version& deletion) {
  std::string places = "its tombstone keeps no item: it was deleted in another table (" + deletion.origin() +
                       " in versions), so ask that one, or by time to live";
  const auto kept = std::ranges::find_if(rows, [](const auto& row) { return row.loser_image.has_value(); });
  if (kept != rows.end()) places += ", or take what lost to it: --loser " + kept->loser.text() + " of `conflicts take`";
  return places;
}

}  // namespace

async::Task<Result<PutBack>> plan_take(SharedTable& table, std::string key_json, std::string loser) {
  const auto rows = co_await table.conflicts(key_json);
  if (!rows) co_return std::unexpected(rows.error());
  auto row = choose(table, *rows, loser);
  if (!row) co_return std::unexpected(std::move(row.error()));
  auto item = co_await table.item(key_json);
  if (!item) co_return std::unexpected(std::move(item.error()));
  SharedTable::Write write{
      .key_json = std::move(key_json), .as_read = std::move(*item), .content = std::move(row->loser_image)};
  const auto needed = is_needed(write);
  if (!needed) co_return std::unexpected(needed.error());
  co_return PutBack{.write = std::move(write), .version = std::move(row->loser), .needed = *needed};
}

async::Task<Result<PutBack>> plan_undelete(SharedTable& table, std::string key_json) {
  const auto item = co_await table.item(key_json);
  if (!item) co_return std::unexpected(item.error());
  if (*item) {
    co_return failure(ErrorClass::kConflict, "undelete item", table.display(),
                      "the item is there; only what is not can be undeleted");
  }
  auto tombstone = co_await table.tombstone(key_json);
  if (!tombstone) co_return std::unexpected(std::move(tombstone.error()));
  if (!*tombstone) {
    co_return failure(ErrorClass::kNotFound, "undelete item", table.display(),
                      "no deletion of this key is known; a tombstone ends after seven days");
  }
  if (!(*tombstone)->image) {
    const auto rows = co_await table.conflicts(key_json);
    if (!rows) co_return std::unexpected(rows.error());
    co_return failure(ErrorClass::kNotFound, "undelete item", table.display(),
                      other_places(*rows, (*tombstone)->version));
  }
  SharedTable::Write write{.key_json = std::move(key_json), .content = std::move((*tombstone)->image)};
  co_return PutBack{.write = std::move(write), .version = std::move((*tombstone)->version)};
}

}  // namespace dynamirror::jobs
