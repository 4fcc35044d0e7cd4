// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "multimaster/version.hpp"

namespace dynamirror::sink {

/// The string attributes of a row of a companion table, by name. Errors: class invalid for what is no item.
using RowTexts = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] Result<RowTexts> row_texts(std::string_view row_json);

/// A conflict as CompanionTable::note has written it.
struct ConflictRow {
  std::string key;  ///< of the item, as canonical JSON
  multimaster::Version winner;
  multimaster::Version loser;
  std::string kind;                           ///< "update/delete", as multimaster::kind_of
  std::string rule;                           ///< by which the winner was chosen
  std::string noted;                          ///< when: "2026-01-01T00:00:00Z"
  std::optional<std::string> winner_image{};  ///< without our attributes; nothing: a deletion, or it was not at hand
  std::optional<std::string> loser_image{};

  [[nodiscard]] bool winner_deletes() const { return kind.starts_with("delete/"); }
  [[nodiscard]] bool loser_deletes() const { return kind.ends_with("/delete"); }
};

/// Nothing for a row of another kind, or one that is not ours. Errors: class invalid for what is no item.
[[nodiscard]] Result<std::optional<ConflictRow>> read_conflict(std::string_view row_json);

}  // namespace dynamirror::sink
