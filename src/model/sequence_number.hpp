// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::model {

/// A change's place in its shard: a decimal integer of up to 40 digits (21–40 in DynamoDB Streams, up to 56 in
/// Kinesis), too wide for any machine integer. Compared exactly as an integer; the service's own spelling (leading
/// zeros) is kept, because it must be sent back letter by letter. Held in place: one is made for every record.
class SequenceNumber {
 public:
  static constexpr std::size_t kMaxDigits = 62;

  SequenceNumber() = default;

  /// Errors: class invalid when empty, longer than `kMaxDigits` or not all digits.
  [[nodiscard]] static Result<SequenceNumber> parse(std::string_view text);
  /// Of items that are counted here, and come from no stream.
  [[nodiscard]] static SequenceNumber of(std::uint64_t number) {
    SequenceNumber sequence;
    const auto written = std::to_chars(sequence.digits_.data(), sequence.digits_.data() + kMaxDigits, number);
    sequence.length_ = static_cast<std::uint8_t>(written.ptr - sequence.digits_.data());
    return sequence;
  }

  [[nodiscard]] std::string_view text() const { return {digits_.data(), length_}; }
  [[nodiscard]] std::string str() const { return std::string(text()); }
  [[nodiscard]] bool empty() const { return length_ == 0; }

  friend std::strong_ordering operator<=>(const SequenceNumber& a, const SequenceNumber& b) {
    const auto left = a.significant();
    const auto right = b.significant();
    if (left.size() != right.size()) return left.size() <=> right.size();
    return left.compare(right) <=> 0;
  }
  friend bool operator==(const SequenceNumber& a, const SequenceNumber& b) { return (a <=> b) == 0; }

 private:
  [[nodiscard]] std::string_view significant() const {
    std::string_view digits = text();
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    return digits;
  }

  std::array<char, kMaxDigits> digits_{};
  std::uint8_t length_ = 0;
};

}  // namespace dynamirror::model
