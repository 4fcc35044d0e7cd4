// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dynamirror {

/// The bytes that a part of a URL stands for (RFC 3986, 2.1). Nothing when a '%' is not followed by two hexadecimal
/// digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace dynamirror
