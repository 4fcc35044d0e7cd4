// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "support/item_value.hpp"

namespace dynamirror::support {
namespace {

/// value = ±0.d1d2d3… · 10^point, d1 ≠ 0; no digits for zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  long point = 0;
};

constexpr std::size_t kMaxDigits = 38;
constexpr long kMaxPoint = 126;   // 9.99…E+125
constexpr long kMinPoint = -129;  // 1E-130
constexpr long kPlainZeros = 20;  // beyond it an exponent is shorter to read; any single rule serves comparison

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads the exponent behind 'e'; nothing when it is not one.
std::optional<long> read_exponent(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  long exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc{} || end != text.data() + text.size() || exponent > 1000 || exponent < -1000) return {};
  return exponent;
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) decimal.negative = text[i++] == '-';
  bool any = false;
  bool after_point = false;
  for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !after_point)); ++i) {
    if (text[i] == '.') {
      after_point = true;
      continue;
    }
    any = true;
    decimal.digits += text[i];
    if (!after_point) ++decimal.point;
  }
  if (!any) return std::nullopt;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
    const auto exponent = read_exponent(text.substr(i + 1));
    if (!exponent) return std::nullopt;
    decimal.point += *exponent;
  }
  const std::size_t zeros = std::min(decimal.digits.find_first_not_of('0'), decimal.digits.size());
  decimal.digits.erase(0, zeros);
  decimal.point -= static_cast<long>(zeros);
  while (!decimal.digits.empty() && decimal.digits.back() == '0') decimal.digits.pop_back();
  return decimal;
}

std::string spell(const Decimal& decimal) {
  if (decimal.digits.empty()) return "0";
  const long count = static_cast<long>(decimal.digits.size());
  std::string text = decimal.negative ? "-" : "";
  if (decimal.point > count + kPlainZeros || decimal.point < -kPlainZeros) {
    text += decimal.digits.substr(0, 1);
    if (count > 1) text.append(".").append(decimal.digits.substr(1));
    return text + "E" + (decimal.point > 0 ? "+" : "") + std::to_string(decimal.point - 1);
  }
  if (decimal.point <= 0)
    return text + "0." + std::string(static_cast<std::size_t>(-decimal.point), '0') + decimal.digits;
  if (decimal.point >= count) {
    return text + decimal.digits + std::string(static_cast<std::size_t>(decimal.point - count), '0');
  }
  const auto whole = static_cast<std::size_t>(decimal.point);
  return text + decimal.digits.substr(0, whole) + "." + decimal.digits.substr(whole);
}

}  // namespace

Expected<std::string> normalise_number(std::string_view text) {
  const auto decimal = parse_decimal(text);
  if (!decimal) return invalid("The parameter cannot be converted to a numeric value: " + std::string(text));
  if (decimal->digits.size() > kMaxDigits) {
    return invalid("Attempting to store more than 38 significant digits in a Number");
  }
  if (!decimal->digits.empty() && decimal->point > kMaxPoint) {
    return invalid("Number overflow. Attempting to store a number with magnitude larger than supported range");
  }
  if (!decimal->digits.empty() && decimal->point < kMinPoint) {
    return invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range");
  }
  return spell(*decimal);
}

}  // namespace dynamirror::support
