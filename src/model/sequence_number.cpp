// SPDX-License-Identifier: Apache-2.0
#include "model/sequence_number.hpp"

#include <algorithm>

namespace dynamirror::model {

Result<SequenceNumber> SequenceNumber::parse(std::string_view text) {
  const bool digits_only = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > kMaxDigits || !digits_only) {
    return failure(ErrorClass::kInvalid, "read sequence number", std::string(text.substr(0, kMaxDigits + 1)),
                   "not a decimal integer of at most 58 digits");
  }
  SequenceNumber number;
  std::copy(text.begin(), text.end(), number.digits_.begin());
  number.length_ = static_cast<std::uint8_t>(text.size());
  return number;
}

Result<SequenceNumber> SequenceNumber::parse_place(std::string_view text) {
  const std::size_t colon = text.find(':');
  auto number = parse(text.substr(0, colon));
  if (!number || colon == std::string_view::npos) return number;
  const std::string_view digits = text.substr(colon + 1);
  std::uint32_t sub = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sub);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return failure(ErrorClass::kInvalid, "read sequence number", std::string(text.substr(0, kMaxDigits + 12)),
                   "its sub-sequence number is not an integer below 4294967296");
  }
  number->set_sub(sub);
  return number;
}

}  // namespace dynamirror::model
