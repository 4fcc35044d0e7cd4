// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "model/key.hpp"
#include "support/placeholders.hpp"

namespace dynamirror::support {

/// An UpdateExpression of the clauses SET path = :value, REMOVE path and ADD path :value, each at most once and with a
/// list of terms, where a path is one top-level attribute by name or by a #placeholder. Other forms are refused. Pure.
class Update {
 public:
  /// Errors: ValidationException for anything malformed, for an attribute named twice, and for one of the key.
  [[nodiscard]] static Expected<Update> read(const std::string& expression, Placeholders& placeholders,
                                             const model::KeySchema& key);

  /// The item as the update leaves it. ADD makes an absent attribute; it takes whole numbers and sets of strings.
  /// Errors: ValidationException for an ADD of another type than the attribute's.
  [[nodiscard]] Expected<boost::json::object> apply(boost::json::object item) const;

 private:
  struct Term {
    char clause;  // 'S', 'R' or 'A'
    std::string attribute;
    boost::json::value value{};
  };
  [[nodiscard]] static Expected<Term> read_term(char clause, const std::string& text, Placeholders& placeholders);
  std::vector<Term> terms_;
};

}  // namespace dynamirror::support
