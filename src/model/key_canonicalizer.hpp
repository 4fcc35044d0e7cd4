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
/// - numbers are not rewritten: a DynamoDB service stores one value and answers it with one spelling in all its records
///   (`same_key` compares across services);
/// - binaries are not rewritten: the base64 of given bytes is unique.
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

/// True when two canonical keys name one item although two services may spell its numbers differently ("1", "1.0",
/// "10e-1"). Slow: for answers that are matched with what was sent, not for every record.
[[nodiscard]] bool same_key(std::string_view left, std::string_view right, const KeySchema& schema);

}  // namespace dynamirror::model
