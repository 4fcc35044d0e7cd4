// SPDX-License-Identifier: Apache-2.0
#include "model/number.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace dynamirror::model {
namespace {

/// ± 0.digits · 10^exponent, digits without zeros at either end; zero has no digits, no sign and no exponent.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;
};

/// The part behind "e"; nothing when it is no integer. Far beyond DynamoDB's range (±130) it is no number to us.
std::optional<std::int64_t> parse_exponent(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  std::int32_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return exponent;
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  if (text.starts_with('-') || text.starts_with('+')) {
    decimal.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    const auto exponent = parse_exponent(text.substr(e + 1));
    if (!exponent) return std::nullopt;
    decimal.exponent = *exponent;
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  decimal.digits = whole;
  if (point != std::string_view::npos) decimal.digits += text.substr(point + 1);
  if (decimal.digits.empty() || decimal.digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;

  const auto first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal{};
  decimal.exponent += static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  decimal.digits.erase(0, first);
  return decimal;
}

/// The most zeros that a number within DynamoDB's range needs beside its 38 digits, and some more.
constexpr std::int64_t kMostZeros = 200;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_canonical_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (all_digits(text)) return text.front() != '0' || (text.size() == 1 && !negative);  // nearly always
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (point == std::string_view::npos || !all_digits(whole)) return false;
  if (whole.front() == '0' && whole.size() > 1) return false;
  const std::string_view fraction = text.substr(point + 1);
  return all_digits(fraction) && fraction.back() != '0';
}

void append_canonical_number(std::string& out, std::string_view text) {
  const auto decimal = is_canonical_number(text) ? std::nullopt : parse_decimal(text);
  if (!decimal) {
    out += text;
    return;
  }
  const auto size = static_cast<std::int64_t>(decimal->digits.size());
  const std::int64_t point = decimal->exponent;  // how many digits stand before it
  if (decimal->negative) out += '-';
  if (size == 0) {
    out += '0';
  } else if (point < -kMostZeros || point > size + kMostZeros) {
    out.append(decimal->digits).append("E").append(std::to_string(point - size));
  } else if (point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(decimal->digits);
  } else if (point >= size) {
    out.append(decimal->digits).append(static_cast<std::size_t>(point - size), '0');
  } else {
    const auto before = static_cast<std::size_t>(point);
    out.append(decimal->digits, 0, before).append(".").append(decimal->digits, before);
  }
}

}  // namespace dynamirror::model
