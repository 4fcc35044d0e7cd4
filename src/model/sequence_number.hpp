// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::model {

/// A change's place in its shard: a decimal integer (21 to 40 digits in DynamoDB Streams, up to 56 in Kinesis), too
/// wide for any machine integer, and the place within an aggregated record of Kinesis. Compared exactly, as integers;
/// the service's own spelling (leading zeros) is kept, because it must be sent back letter by letter. Held in place,
/// and without alignment: one is made for every record.
class SequenceNumber {
 public:
  static constexpr std::size_t kMaxDigits = 58;

  SequenceNumber() = default;

  /// Errors: class invalid when empty, longer than `kMaxDigits` or not all digits.
  [[nodiscard]] static Result<SequenceNumber> parse(std::string_view text);
  /// The reverse of `str`. Errors: as `parse`, and for a sub-sequence number that is none.
  [[nodiscard]] static Result<SequenceNumber> parse_place(std::string_view text);
  /// Of items that are counted here, and come from no stream.
  [[nodiscard]] static SequenceNumber of(std::uint64_t number) {
    SequenceNumber sequence;
    const auto written = std::to_chars(sequence.digits_.data(), sequence.digits_.data() + kMaxDigits, number);
    sequence.length_ = static_cast<std::uint8_t>(written.ptr - sequence.digits_.data());
    return sequence;
  }

  /// What the service knows: the digits.
  [[nodiscard]] std::string_view text() const { return {digits_.data(), length_}; }
  /// The sub-sequence number: the place within an aggregated record, from 0 on; 0 for a record by itself.
  [[nodiscard]] std::uint32_t sub() const {
    std::uint32_t sub = 0;
    std::memcpy(&sub, sub_.data(), sizeof sub);
    return sub;
  }
  void set_sub(std::uint32_t sub) { std::memcpy(sub_.data(), &sub, sizeof sub); }
  /// The digits, and the sub-sequence number behind a colon unless it is 0.
  [[nodiscard]] std::string str() const {
    return sub() == 0 ? std::string(text()) : std::string(text()) + ":" + std::to_string(sub());
  }
  [[nodiscard]] bool empty() const { return length_ == 0; }

  friend std::strong_ordering operator<=>(const SequenceNumber& a, const SequenceNumber& b) {
    const auto left = a.significant();
    const auto right = b.significant();
    if (left.size() != right.size()) return left.size() <=> right.size();
    if (const int digits = left.compare(right); digits != 0) return digits <=> 0;
    return a.sub() <=> b.sub();
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
  std::array<char, sizeof(std::uint32_t)> sub_{};
};
static_assert(sizeof(SequenceNumber) == 63 && alignof(SequenceNumber) == 1, "a flag beside it makes 64 bytes");

}  // namespace dynamirror::model
