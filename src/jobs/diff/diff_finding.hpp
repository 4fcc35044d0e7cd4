// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynamirror::jobs {

/// How the item of one key differs between two tables.
enum class DiffKind {
  kMissing,     ///< in the primary, not in the replica
  kExtraneous,  ///< in the replica only
  kDifferent,   ///< in both
};

[[nodiscard]] constexpr std::string_view to_string(DiffKind kind) {
  return kind == DiffKind::kMissing ? "missing" : kind == DiffKind::kExtraneous ? "extraneous" : "different";
}

/// A difference that has lasted.
struct DiffFinding {
  DiffKind kind = DiffKind::kDifferent;
  std::string key_json;                   ///< canonical wire form
  std::vector<std::string> attributes{};  ///< kDifferent: their names, sorted
};

/// Where the items of one key stand; nothing when they are equal. A text is empty where there is no item.
struct DiffPair {
  std::string primary_json;
  std::string replica_json;

  [[nodiscard]] DiffKind kind() const {
    if (replica_json.empty()) return DiffKind::kMissing;
    return primary_json.empty() ? DiffKind::kExtraneous : DiffKind::kDifferent;
  }
};

}  // namespace dynamirror::jobs
