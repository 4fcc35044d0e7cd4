// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/reader.hpp"

namespace dynamirror::json {

/// Each takes one value into a variable: `if (name == "TableArn") return json::read_into(table.arn, member);`
/// Errors: class invalid when the value has another type or range; the variable is untouched then.
[[nodiscard]] inline Status read_into(std::string& out, Value& value) {
  const auto text = value.string();
  if (!text) return std::unexpected(text.error());
  out = *text;
  return {};
}

[[nodiscard]] inline Status read_into(std::int64_t& out, Value& value) {
  const auto number = value.integer();
  if (!number) return std::unexpected(number.error());
  out = *number;
  return {};
}

[[nodiscard]] inline Status read_into(double& out, Value& value) {
  const auto number = value.number();
  if (!number) return std::unexpected(number.error());
  out = *number;
  return {};
}

[[nodiscard]] inline Status read_into(bool& out, Value& value) {
  const auto truth = value.boolean();
  if (!truth) return std::unexpected(truth.error());
  out = *truth;
  return {};
}

/// Null leaves the variable without a value.
template <class T>
[[nodiscard]] Status read_into(std::optional<T>& out, Value& value) {
  if (value.consume_null()) return {};
  T held{};
  if (auto status = read_into(held, value); !status) return status;
  out = std::move(held);
  return {};
}

/// Appends every element.
template <class T>
[[nodiscard]] Status read_into(std::vector<T>& out, Value& value) {
  return value.for_each_element([&](Value& element) -> Status {
    T held{};
    if (auto status = read_into(held, element); !status) return status;
    out.push_back(std::move(held));
    return {};
  });
}

}  // namespace dynamirror::json
