// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "json/reader.hpp"
#include "model/key.hpp"

namespace dynamirror::model {

/// Brings the keys of one table into the canonical form in which two texts of one key are the same bytes.
///
/// The rule:
/// - `{"<hash>":{"<type>":"<value>"},"<range>":{"<type>":"<value>"}}`: attributes in key-schema order, no whitespace;
/// - strings (names and values) escape only `"` and `\`, and control characters as \n, \r, \t or \u00xx with lower-case
///   hex digits; all else is plain UTF-8. So "\u00e9" and "é", or "\/" and "/", meet;
/// - numbers and binaries are spelled as DynamoDB answers them (model/number.hpp, model/base64.hpp): people, and other
///   services that speak its API, may write "1.0" and "AR==" for "1" and "AQ==".
///
/// A text that is canonical already, which services nearly always send, costs one scan and no copy.
/// Not thread-safe: keeps buffers.
class KeyCanonicalizer {
 public:
  explicit KeyCanonicalizer(KeySchema schema);

  /// The key from the text of a key. Lives as long as `key_json` and until the next call. REQUIRES: UTF-8, as every
  /// span from a json::Reader is. Errors: class invalid, naming the attribute: not JSON; an attribute missing, given
  /// twice, of the wrong type, or not of the key schema.
  [[nodiscard]] Result<std::string_view> from_key(std::string_view key_json);

  /// The key from the text of a whole item, whose other attributes are skipped. Lifetime and errors as above.
  [[nodiscard]] Result<std::string_view> from_item(std::string_view item_json);

  /// Whether an item has this key. `key`: canonical, from this object's last answer, too. An item that spells its key's
  /// attributes as the key does costs a search for them and no more, on whatever level they stand.
  /// Errors: class invalid, naming both keys; those of `from_item`.
  [[nodiscard]] Status check_item(std::string_view key, std::string_view item_json);

  [[nodiscard]] const KeySchema& schema() const { return schema_; }

 private:
  enum class OtherAttributes { kRefused, kSkipped };

  /// What stands before an attribute's value when it comes first and second in the key: `{"id":{"S":"`,
  /// `"},"id":{"S":"`.
  struct Prefixes {
    std::string first;
    std::string second;
  };

  [[nodiscard]] std::optional<std::string_view> by_pattern(std::string_view key_json);
  [[nodiscard]] Result<std::string_view> by_reading(std::string_view json, OtherAttributes others);

  KeySchema schema_;
  Prefixes hash_;
  Prefixes range_;
  std::string canonical_;  ///< where the text given is not canonical
  json::Reader reader_;
};

/// The schema that a key by itself tells: its first attribute is the hash attribute.
/// Errors: class invalid for what is no key.
[[nodiscard]] Result<KeySchema> schema_of_key(std::string_view key_json);

}  // namespace dynamirror::model
