// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "jobs/conflicts/shared_table.hpp"

namespace dynamirror::jobs {

/// A state that an operator brings back: what the item is, and what it shall be.
struct PutBack {
  SharedTable::Write write;      ///< `as_read` and `content` are before and after; nothing: no item
  multimaster::Version version;  ///< of the state that is brought back, or of the deletion that is undone
  bool needed = true;            ///< otherwise the item has that content already
};

/// The loser of a conflict of a key. `loser`: its version, empty when the key has one loser only.
/// Errors: class not found when there is no such conflict; class invalid when there are several losers, or the row has
/// no image of it.
[[nodiscard]] async::Task<Result<PutBack>> plan_take(SharedTable& table, std::string key_json, std::string loser);

/// What a key had when it was deleted. Errors: class not found when there is no tombstone, or none with an image: says
/// where else to look; class conflict when the item is there.
[[nodiscard]] async::Task<Result<PutBack>> plan_undelete(SharedTable& table, std::string key_json);

}  // namespace dynamirror::jobs
