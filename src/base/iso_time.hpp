// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace dynamirror {

/// A moment in ISO 8601, with or without its separators: "2026-01-31T12:00:00Z", "20260131T120000.5+0100",
/// "2026-01-31 12:00+01:00". The date is whole, the time has hours and minutes at least, and the offset is given: Z, or
/// hours with or without minutes. Fractions of a second count down to a nanosecond.
/// Nothing for any other text, and for years before 1970. Times after the year 2200 become its end, because our clock
/// cannot hold them: tools write years like 9999 for "never".
[[nodiscard]] std::optional<WallTime> parse_iso_time(std::string_view text);

/// Date and time of day, UTC, to a moment, within the same limits; nothing when there is no such day or time.
struct CivilTime {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};
[[nodiscard]] std::optional<WallTime> to_wall_time(const CivilTime& civil);

}  // namespace dynamirror
