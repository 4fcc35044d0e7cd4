// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <set>
#include <string>

#include "support/service_error.hpp"

namespace dynamirror::support {

/// The ExpressionAttributeNames and ExpressionAttributeValues of one request, and which of them its expressions use.
/// Not thread-safe.
class Placeholders {
 public:
  /// Errors: ValidationException for a placeholder of the wrong form.
  [[nodiscard]] static Expected<Placeholders> read(const boost::json::object& body);

  /// The top-level attribute that a path names, directly or by a #placeholder.
  /// Errors: ValidationException for an undefined placeholder and for other paths.
  [[nodiscard]] Expected<std::string> attribute(const std::string& path);

  /// Errors: ValidationException for an undefined :placeholder. The value lives as long as this object.
  [[nodiscard]] Expected<const boost::json::value*> value(const std::string& placeholder);

  /// Errors: ValidationException for a name or value that no expression used.
  [[nodiscard]] Expected<void> check_all_used() const;

 private:
  Expected<const boost::json::value*> find(const boost::json::object& among, const std::string& placeholder,
                                           const std::string& what);

  boost::json::object names_;
  boost::json::object values_;
  std::set<std::string> used_;
};

/// A path, name or term that is not understood. Errors: ValidationException, a client bug.
[[nodiscard]] std::unexpected<ServiceError> malformed_expression(const std::string& text);

}  // namespace dynamirror::support
