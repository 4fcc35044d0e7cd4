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

}  // namespace dynamirror::model
