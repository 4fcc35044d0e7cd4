// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace dynamirror::aws {

/// "Wed, 21 Oct 2015 07:28:00 GMT", the form every server must send (RFC 9110, 5.6.7); nothing for any other text.
/// Times after the year 2200 become its end, in both forms, because our clock cannot hold them.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);

/// "2026-01-01T00:00:00Z", also with fractions of a second, as credentials give their end; nothing for any other text.
[[nodiscard]] std::optional<WallTime> parse_iso_time(std::string_view text);

}  // namespace dynamirror::aws
