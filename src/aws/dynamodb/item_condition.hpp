// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "model/key.hpp"

namespace dynamirror::aws {

/// A condition for one conditional write, as aws::WriteOptions takes it.
struct ItemCondition {
  std::string expression;
  std::string names_json;
  std::string values_json;  ///< empty when the expression has no values
};

/// "There is no item of this key."
[[nodiscard]] ItemCondition still_absent(const model::KeySchema& key);

/// "The replica's item is still as it was compared": equal in all its attributes, and without those that only the
/// primary's item has (`primary_json` is empty when the primary has none).
///
/// An expression holds 300 operators and functions, which are 150 attributes, and 4 KB of text. Of a larger item those
/// are named in which the two differ, then others: a live change of the replica comes from the primary, so it shows in
/// what differed. What even so goes unseen is found by reading both again after the write (`jobs::DiffRepairer`,
/// `sink::DifferingItems`). Limits: Developer Guide, "Service quotas", "Expression parameters". Errors: class invalid,
/// for what is not an item in wire form.
[[nodiscard]] Result<ItemCondition> still_as(std::string_view replica_json, std::string_view primary_json);

inline constexpr std::size_t kMaxConditionTerms = 150;

}  // namespace dynamirror::aws
