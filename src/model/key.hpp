// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dynamirror::model {

/// One attribute of a table's primary key. `type` is "S", "N" or "B".
struct KeyAttribute {
  std::string name;
  std::string type;
  friend bool operator==(const KeyAttribute&, const KeyAttribute&) = default;
};

/// A table's primary key: the hash (partition) attribute and, for composite keys, the range (sort) attribute.
struct KeySchema {
  KeyAttribute hash;
  std::optional<KeyAttribute> range;
  friend bool operator==(const KeySchema&, const KeySchema&) = default;
};

/// "id (S)" or "id (S), time (N)", for messages.
[[nodiscard]] std::string describe(const KeySchema& schema);

}  // namespace dynamirror::model
