// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "support/item_value.hpp"

namespace dynamirror::support {

/// A ConditionExpression of the forms attribute_exists(path) and attribute_not_exists(path), joined by AND, where a
/// path is one top-level attribute by name or by a #placeholder. Other forms are refused. Pure.
class Condition {
 public:
  /// From the members ConditionExpression and ExpressionAttributeNames of a request; both absent: always true.
  /// Errors: ValidationException for anything malformed, and for placeholders defined but not used, or the reverse.
  [[nodiscard]] static Expected<Condition> read(const boost::json::object& body);

  /// `item` may be null: then no attribute exists.
  [[nodiscard]] bool holds(const ItemPointer& item) const;

 private:
  struct Term {
    std::string attribute;
    bool must_exist = true;
  };
  std::vector<Term> terms_;
};

}  // namespace dynamirror::support
