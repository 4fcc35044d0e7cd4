// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "model/key.hpp"
#include "support/service_error.hpp"

namespace dynamirror::support {

// The rules for DynamoDB items, as far as the documentation states them (Developer Guide: "Supported data types",
// "Constraints", "Item sizes and formats"). Pure.

/// An item as the table keeps it: one spelling per value (attributes sorted by name, sets sorted, numbers normalised,
/// no white space), so that equal items are equal texts.
struct StoredItem {
  std::string text;
  std::size_t size_bytes = 0;  ///< by DynamoDB's rules for item sizes
};
using ItemPointer = std::shared_ptr<const StoredItem>;

inline constexpr std::size_t kMaxItemBytes = 400u << 10;

/// Checks every attribute value (type names, numbers, base64, sets, nesting) and brings the map into canonical form.
/// Does not check the item size: an over-long item is refused where it is written.
[[nodiscard]] Expected<StoredItem> read_attributes(const boost::json::object& attributes);

/// The item's key in canonical form, attributes in key-schema order: {"id":{"S":"a"},"time":{"N":"1"}}.
/// Errors: ValidationException when a key attribute is missing, of the wrong type, empty or too long.
[[nodiscard]] Expected<std::string> key_of_item(const boost::json::object& item, const model::KeySchema& schema);

/// The same for a `Key` member, which must hold the key attributes and nothing else.
[[nodiscard]] Expected<std::string> key_of_key(const boost::json::object& key, const model::KeySchema& schema);

/// The number in DynamoDB's own spelling ("1.50" -> "1.5", "1e3" -> "1000").
/// Errors: ValidationException beyond 38 significant digits or magnitudes outside 1E-130 … 9.9…E+125.
[[nodiscard]] Expected<std::string> normalise_number(std::string_view text);

/// Parses JSON text of an object. Errors: SerializationException.
[[nodiscard]] Expected<boost::json::object> parse_object(std::string_view text);

}  // namespace dynamirror::support
