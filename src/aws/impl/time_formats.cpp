// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/time_formats.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/iso_time.hpp"

namespace dynamirror::aws {
namespace {

/// Exactly `text.size()` digits.
std::optional<int> digits(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kPattern = "Wed, 21 Oct 2015 07:28:00 GMT";
  if (text.size() != kPattern.size() || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto number = [&](std::size_t offset, std::size_t size) { return digits(text.substr(offset, size)); };
  const auto year = number(12, 4);
  const auto day = number(5, 2);
  const auto hour = number(17, 2);
  const auto minute = number(20, 2);
  const auto second = number(23, 2);
  if (!year || !day || !hour || !minute || !second || text[19] != ':' || text[22] != ':') return std::nullopt;
  return to_wall_time({.year = *year,
                       .month = static_cast<int>(month - kMonths.begin()) + 1,
                       .day = *day,
                       .hour = *hour,
                       .minute = *minute,
                       .second = *second});
}

}  // namespace dynamirror::aws
