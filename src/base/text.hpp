// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror {

/// The text as a JSON string with its quotes; control characters escaped, UTF-8 left as it is.
[[nodiscard]] std::string json_quoted(std::string_view text);

/// Appends the text as a JSON string to `out`: the same without a temporary.
void append_json_quoted(std::string& out, std::string_view text);

/// "250ms", "1s", "1.5s", "2m", "24h", "1d". Errors: class invalid, naming the text.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// For people: "850 ms", "12.3 s", "4 min 10 s", "2 h 05 min", "3 d 4 h".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// "1048576", "64KiB", "32MiB", "1GiB" (also "k", "m", "g"), in bytes. Errors: class invalid, naming the text.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

/// For people: "1,234,567".
[[nodiscard]] std::string format_count(std::uint64_t count);

/// "2026-01-01T00:00:00Z".
[[nodiscard]] std::string format_time(std::chrono::system_clock::time_point time);

/// ASCII only.
[[nodiscard]] std::string to_lower(std::string_view text);

}  // namespace dynamirror
