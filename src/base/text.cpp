// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace dynamirror {
namespace {

struct NumberAndUnit {
  double number;
  std::string unit;
};

/// Splits "1.5s" into 1.5 and "s". Nothing when it does not start with a finite number that is not negative.
std::optional<NumberAndUnit> split_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  return NumberAndUnit{number, to_lower(std::string_view(end, text.data() + text.size()))};
}

}  // namespace

void append_json_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::string json_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quoted(out, text);
  return out;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 5> kUnits{
      {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};
  constexpr double kLongest = 3650.0 * 86400e3;  // ten years: keeps every later sum far from overflow
  if (const auto parts = split_number(text)) {
    for (const auto& [unit, factor] : kUnits) {
      if (parts->unit == unit && parts->number * factor <= kLongest) {
        return std::chrono::milliseconds(std::llround(parts->number * factor));
      }
    }
  }
  return failure(ErrorClass::kInvalid, "read duration", std::string(text),
                 "not a duration; write a number and a unit, e.g. 250ms, 1s, 5m, 24h");
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto ms = duration.count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1e3);
  const auto seconds = ms / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {:02} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, int>, 11> kUnits{{{"", 0},
                                                                     {"b", 0},
                                                                     {"k", 10},
                                                                     {"kb", 10},
                                                                     {"kib", 10},
                                                                     {"m", 20},
                                                                     {"mb", 20},
                                                                     {"mib", 20},
                                                                     {"g", 30},
                                                                     {"gb", 30},
                                                                     {"gib", 30}}};
  if (const auto parts = split_number(text)) {
    for (const auto& [unit, shift] : kUnits) {
      const double bytes = std::ldexp(parts->number, shift);
      if (parts->unit == unit && bytes <= 0x1p50) return static_cast<std::uint64_t>(bytes);
    }
  }
  return failure(ErrorClass::kInvalid, "read size", std::string(text),
                 "not a size; write bytes or a number with KiB, MiB or GiB");
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::ptrdiff_t position = static_cast<std::ptrdiff_t>(digits.size()) - 3; position > 0; position -= 3) {
    digits.insert(static_cast<std::size_t>(position), ",");
  }
  return digits;
}

std::string format_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::time_point_cast<std::chrono::seconds>(time));
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace dynamirror
