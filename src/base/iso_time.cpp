// SPDX-License-Identifier: Apache-2.0
#include "base/iso_time.hpp"

#include <cstdint>

namespace dynamirror {
namespace {

constexpr int kLastYear = 2200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads from the front of a text; what does not fit is left where it is.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  [[nodiscard]] bool at_digit() const { return !text_.empty() && is_digit(text_.front()); }

  /// One of these characters, or 0.
  char take(std::string_view characters) {
    if (text_.empty() || !characters.contains(text_.front())) return 0;
    const char taken = text_.front();
    text_.remove_prefix(1);
    return taken;
  }

  /// Exactly so many digits; false otherwise.
  bool number(std::size_t size, int& out) {
    if (text_.size() < size) return false;
    int value = 0;
    for (const char c : text_.substr(0, size)) {
      if (!is_digit(c)) return false;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(size);
    out = value;
    return true;
  }

  /// Digits behind a point; there must be one at least.
  bool fraction(std::chrono::nanoseconds& out) {
    if (!at_digit()) return false;
    std::int64_t value = 0;
    std::int64_t scale = 100'000'000;
    for (; at_digit(); text_.remove_prefix(1), scale /= 10) value += (text_.front() - '0') * scale;
    out = std::chrono::nanoseconds(value);
    return true;
  }

 private:
  std::string_view text_;
};

bool read_date(Cursor& text, CivilTime& out) {
  if (!text.number(4, out.year)) return false;
  const bool separated = text.take("-") != 0;
  if (!text.number(2, out.month) || separated != (text.take("-") != 0)) return false;
  return text.number(2, out.day);
}

bool read_time_of_day(Cursor& text, CivilTime& out, std::chrono::nanoseconds& fraction) {
  if (!text.number(2, out.hour)) return false;
  const bool separated = text.take(":") != 0;
  if (!text.number(2, out.minute)) return false;
  const bool has_seconds = separated ? text.take(":") != 0 : text.at_digit();
  if (!has_seconds) return true;
  if (!text.number(2, out.second)) return false;
  return text.take(".,") == 0 || text.fraction(fraction);
}

bool read_offset(Cursor& text, std::chrono::minutes& out) {
  if (text.take("Zz") != 0) return true;
  const char sign = text.take("+-");
  int hours = 0;
  int minutes = 0;
  if (sign == 0 || !text.number(2, hours)) return false;
  const bool separated = text.take(":") != 0;
  if ((separated || text.at_digit()) && !text.number(2, minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  out = std::chrono::minutes(hours * 60 + minutes) * (sign == '+' ? 1 : -1);
  return true;
}

}  // namespace

std::optional<WallTime> to_wall_time(const CivilTime& civil) {
  const std::chrono::year_month_day date(std::chrono::year(civil.year),
                                         std::chrono::month(static_cast<unsigned>(civil.month)),
                                         std::chrono::day(static_cast<unsigned>(civil.day)));
  if (!date.ok() || civil.hour > 23 || civil.minute > 59 || civil.second > 60 || civil.year < 1970) return std::nullopt;
  if (civil.year > kLastYear) return WallTime(std::chrono::sys_days(std::chrono::year(kLastYear) / 12 / 31));
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(civil.hour) + std::chrono::minutes(civil.minute) +
         std::chrono::seconds(civil.second);
}

std::optional<WallTime> parse_iso_time(std::string_view text) {
  Cursor cursor(text);
  CivilTime civil;
  std::chrono::nanoseconds fraction{};
  std::chrono::minutes offset{};
  const bool read = read_date(cursor, civil) && cursor.take("Tt ") != 0 && read_time_of_day(cursor, civil, fraction) &&
                    read_offset(cursor, offset) && cursor.at_end();
  if (!read) return std::nullopt;
  const auto time = to_wall_time(civil);
  if (!time) return std::nullopt;
  return *time + std::chrono::duration_cast<WallTime::duration>(fraction) - offset;
}

}  // namespace dynamirror
