// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror::aws {

/// Appends the text with all bytes but A-Z a-z 0-9 - . _ ~ written as %XX, as signatures and query bodies want it.
void append_percent_encoded(std::string& out, std::string_view text);

/// The text behind one encoded as forms are: %XX stands for a byte, + for a space. A per-cent sign that starts no
/// escape stands for itself.
[[nodiscard]] std::string decode_form(std::string_view text);

}  // namespace dynamirror::aws
