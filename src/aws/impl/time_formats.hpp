// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace dynamirror::aws {

/// "Wed, 21 Oct 2015 07:28:00 GMT", the form every server must send (RFC 9110, 5.6.7); nothing for any other text.
/// Years are limited as in base/iso_time.hpp.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace dynamirror::aws
