// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "support/item_value.hpp"
#include "support/placeholders.hpp"

namespace dynamirror::support {

/// A ConditionExpression of the forms attribute_exists(path), attribute_not_exists(path), path = :value and path <>
/// :value, joined by AND, where a path is one top-level attribute by name or by a #placeholder. Other forms are
/// refused, and what is longer than 4 KB or has more than 300 operators and functions. Pure.
class Condition {
 public:
  /// From the members ConditionExpression, ExpressionAttributeNames and ExpressionAttributeValues of a request; all
  /// absent: always true.
  /// Errors: ValidationException for anything malformed, and for placeholders defined but not used, or the reverse.
  [[nodiscard]] static Expected<Condition> read(const boost::json::object& body);

  /// The same for a request with further expressions, after which the caller checks that all placeholders were used.
  [[nodiscard]] static Expected<Condition> read(const boost::json::object& body, Placeholders& placeholders);

  /// `item` may be null: then no attribute exists.
  [[nodiscard]] bool holds(const ItemPointer& item) const;

 private:
  struct Term {
    enum class Kind { kExists, kAbsent, kEquals, kDiffers } kind;
    std::string attribute;
    std::string value{};  ///< kEquals, kDiffers: canonical
  };
  [[nodiscard]] static Expected<Term> read_term(const std::string& text, Placeholders& placeholders);
  std::vector<Term> terms_;
};

}  // namespace dynamirror::support
