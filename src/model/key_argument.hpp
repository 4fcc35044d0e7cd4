// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "model/key.hpp"

namespace dynamirror::model {

/// The canonical wire key of what a user typed: wire form `{"id":{"S":"abc"}}` or plain form `{"id":"abc","n":5}`,
/// attribute by attribute. A plain string becomes the S or B (then it is base64) that the schema asks for, a plain
/// number an N, exact at any number of digits. Pure.
/// Errors: class invalid, naming the attribute and what to write instead.
[[nodiscard]] Result<std::string> parse_key_argument(std::string_view json, const KeySchema& schema);

/// The names and types of a key in wire form, of one attribute or two, for whom nothing else tells them: the first one
/// counts as the hash attribute. Pure. Errors: class invalid, saying that the wire form is needed.
[[nodiscard]] Result<KeySchema> schema_of_wire_key(std::string_view json);

}  // namespace dynamirror::model
