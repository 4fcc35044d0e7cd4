// SPDX-License-Identifier: Apache-2.0
#include "model/sequence_number.hpp"

#include <algorithm>

namespace dynamirror::model {

Result<SequenceNumber> SequenceNumber::parse(std::string_view text) {
  const bool digits_only = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > kMaxDigits || !digits_only) {
    return failure(ErrorClass::kInvalid, "read sequence number", std::string(text.substr(0, kMaxDigits + 1)),
                   "not a decimal integer of at most 62 digits");
  }
  SequenceNumber number;
  std::copy(text.begin(), text.end(), number.digits_.begin());
  number.length_ = static_cast<std::uint8_t>(text.size());
  return number;
}

}  // namespace dynamirror::model
