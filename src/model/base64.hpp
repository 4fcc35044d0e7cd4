// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dynamirror::model {

/// Appends the one spelling of the bytes that a base64 text carries: with its padding, and without what the last
/// character has beyond whole bytes ("AQ==" for "AR==" and "AQ"). What is no base64 is appended as it is.
void append_canonical_base64(std::string& out, std::string_view text);

/// The bytes that a base64 text carries; nothing when it is none, or is not padded to a multiple of four.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

/// Appends bytes as base64, with padding.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace dynamirror::model
