// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace dynamirror {

/// Text from outside as a person or a log may read it: whatever a terminal would act upon, or would hide, is written as
/// JSON writes it ("\u001b"). That is control characters with line feeds, DEL, C1, and the characters that turn the
/// direction of text or end a line; bytes that are no UTF-8 become "\ufffd". So one value stays one line, and JSON text
/// stays the same JSON.
[[nodiscard]] std::string printable(std::string_view text);

/// The same for text of several lines: line feeds stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

/// JSON text from outside, which may be spread over lines, as the same JSON on one line.
[[nodiscard]] std::string json_on_one_line(std::string_view json);

}  // namespace dynamirror
