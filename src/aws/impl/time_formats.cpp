// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/time_formats.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dynamirror::aws {
namespace {

constexpr int kLastYear = 2200;

/// Exactly `text.size()` digits.
std::optional<int> digits(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<WallTime> make_time(std::optional<int> year, std::optional<int> month, std::optional<int> day,
                                  std::string_view clock) {
  if (!year || !month || !day || clock.size() != 8 || clock[2] != ':' || clock[5] != ':') return std::nullopt;
  const auto hours = digits(clock.substr(0, 2));
  const auto minutes = digits(clock.substr(3, 2));
  const auto seconds = digits(clock.substr(6, 2));
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || !hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60)
    return std::nullopt;
  // A clock of nanoseconds ends in 2262; tools write years like 9999 for "never".
  if (*year < 1970) return std::nullopt;
  if (*year > kLastYear) return WallTime(std::chrono::sys_days(std::chrono::year(kLastYear) / 12 / 31));
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
         std::chrono::seconds(*seconds);
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kPattern = "Wed, 21 Oct 2015 07:28:00 GMT";
  if (text.size() != kPattern.size() || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return make_time(digits(text.substr(12, 4)), static_cast<int>(month - kMonths.begin()) + 1, digits(text.substr(5, 2)),
                   text.substr(17, 8));
}

std::optional<WallTime> parse_iso_time(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
  std::string_view zone = text.substr(19);
  if (zone.starts_with('.')) {
    zone.remove_prefix(1);
    while (!zone.empty() && zone.front() >= '0' && zone.front() <= '9') zone.remove_prefix(1);
  }
  if (zone != "Z" && zone != "+00:00" && zone != "+0000") return std::nullopt;
  return make_time(digits(text.substr(0, 4)), digits(text.substr(5, 2)), digits(text.substr(8, 2)), text.substr(11, 8));
}

}  // namespace dynamirror::aws
