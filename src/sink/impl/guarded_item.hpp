// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/dynamodb/item_condition.hpp"
#include "model/key.hpp"
#include "sink/guarded_write.hpp"

namespace dynamirror::sink {

/// The attribute of a replica's items that keeps their guard.
inline constexpr std::string_view kGuardName = "_repl_seen";

/// The item with this guard, in place of one that it may have from elsewhere; all else byte for byte.
/// REQUIRES: an item in wire form (for the texts below, too).
[[nodiscard]] std::string with_guard(std::string_view item_json, const Seen& seen);
[[nodiscard]] std::string without_guard(std::string_view item_json);
/// The guard's value as it stands there; nothing when the item has none.
[[nodiscard]] std::optional<std::string> guard_of(std::string_view item_json);

/// The replica has the item, and its content is older than this time.
[[nodiscard]] aws::ItemCondition older_than(std::int64_t created);
/// The replica's item is still as it was read: absent (`item_json` is nothing), without a guard, or with this one.
[[nodiscard]] aws::ItemCondition still_guarded_as(const std::optional<std::string>& item_json,
                                                  const model::KeySchema& key);

}  // namespace dynamirror::sink
