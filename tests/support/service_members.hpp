// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "model/key.hpp"
#include "support/service_error.hpp"

namespace dynamirror::support {

// Reading the members of request bodies as strictly as the service does, or more so. Pure.

/// Errors: SerializationException, a client bug, for any member that is not in `known`.
[[nodiscard]] Expected<void> only_members(const boost::json::object& object,
                                          std::initializer_list<std::string_view> known);

// A member of the wrong JSON type is a SerializationException; a missing required one a ValidationException.
[[nodiscard]] Expected<std::string> required_string(const boost::json::object& object, std::string_view name);
[[nodiscard]] Expected<std::optional<std::string>> optional_string(const boost::json::object& object,
                                                                   std::string_view name);
[[nodiscard]] Expected<std::optional<bool>> optional_bool(const boost::json::object& object, std::string_view name);
[[nodiscard]] Expected<std::optional<std::int64_t>> optional_integer(const boost::json::object& object,
                                                                     std::string_view name, std::int64_t least,
                                                                     std::int64_t most);
[[nodiscard]] Expected<const boost::json::object*> required_object(const boost::json::object& object,
                                                                   std::string_view name);

/// The object as compact JSON text.
[[nodiscard]] std::string text_of(const boost::json::object& object);

/// As descriptions of tables and streams show it.
[[nodiscard]] boost::json::array key_schema_json(const model::KeySchema& schema);

/// Whether the caller asked for ConsumedCapacity. Errors: a value other than NONE, TOTAL and INDEXES.
[[nodiscard]] Expected<bool> wants_capacity(const boost::json::object& body);

}  // namespace dynamirror::support
