// SPDX-License-Identifier: Apache-2.0
#include "model/number.hpp"

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
  friend bool operator==(const Decimal&, const Decimal&) = default;
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

}  // namespace

bool same_number(std::string_view left, std::string_view right) {
  if (left == right) return true;
  const auto a = parse_decimal(left);
  const auto b = parse_decimal(right);
  return a && b && *a == *b;
}

void append_canonical_number(std::string& out, std::string_view text) {
  const auto decimal = parse_decimal(text);
  if (!decimal) {
    out.append("?").append(text);
    return;
  }
  if (decimal->negative) out += '-';
  out.append(decimal->digits).append("e").append(std::to_string(decimal->exponent));
}

}  // namespace dynamirror::model
