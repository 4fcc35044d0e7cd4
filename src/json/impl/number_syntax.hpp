// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace dynamirror::json::impl {

/// True when the whole text is one number by the JSON grammar, of any magnitude and precision.
[[nodiscard]] constexpr bool is_number(std::string_view text) {
  const auto skip_digits = [&text] {
    const std::string_view before = text;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
    return before.size() - text.size();
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leading_zero = text.starts_with('0');
  const auto whole = skip_digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (skip_digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (skip_digits() == 0) return false;
  }
  return text.empty();
}

}  // namespace dynamirror::json::impl
