// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/item_digest.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::multimaster {

/// The order of all states that an item, or its absence, has had in any of the tables: the greatest one wins
/// everywhere.
///
/// It names one write: the record of `sequence` in the stream of the table `origin`. `time` is the record's creation,
/// or a little more where the write was made on top of a state whose version is greater than that. So two writes of one
/// table are in the order of its stream, and two writes never have one version.
class Version {
 public:
  /// `time`: microseconds since the epoch. REQUIRES: origin is a name by `is_origin`.
  Version(std::int64_t time, model::SequenceNumber sequence, std::string origin)
      : time_(time), sequence_(sequence), origin_(std::move(origin)) {}
  /// Of an item that was there before tables were kept in step: older than every write, and than adopted items of a
  /// higher `rank`. Items of one content have one version, wherever they are. REQUIRES: 0 <= rank < kAdoptedEnd.
  [[nodiscard]] static Version adopted(std::int64_t rank, const model::ItemDigest& content) {
    return {rank, model::SequenceNumber::of(content.high), "adopted"};
  }

  /// 1 to 32 letters, digits, '_' and '-'.
  [[nodiscard]] static bool is_origin(std::string_view text);

  /// `TIME.LLSEQUENCE.ORIGIN`: 16 digits, the number of digits of the sequence number, the sequence number without
  /// leading zeros. Texts compare as versions do, so that DynamoDB can compare them in a condition.
  [[nodiscard]] std::string text() const;
  /// Nothing for any text that `text` does not make.
  [[nodiscard]] static std::optional<Version> parse(std::string_view text);

  [[nodiscard]] std::int64_t time() const { return time_; }
  [[nodiscard]] const model::SequenceNumber& sequence() const { return sequence_; }
  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] bool is_adopted() const { return time_ < kAdoptedEnd; }

  friend std::strong_ordering operator<=>(const Version& a, const Version& b) {
    if (const auto order = a.time_ <=> b.time_; order != 0) return order;
    if (const auto order = a.sequence_ <=> b.sequence_; order != 0) return order;
    return a.origin_.compare(b.origin_) <=> 0;
  }
  friend bool operator==(const Version& a, const Version& b) { return (a <=> b) == 0; }

  static constexpr std::int64_t kAdoptedEnd = 1'000;

 private:
  std::int64_t time_;
  model::SequenceNumber sequence_;
  std::string origin_;
};

/// The number of its digits and the digits, without leading zeros: texts compare as the numbers do.
[[nodiscard]] std::string sortable(const model::SequenceNumber& sequence);
/// Nothing for any text that `sortable` does not make.
[[nodiscard]] std::optional<model::SequenceNumber> parse_sortable(std::string_view text);

/// The greater one; nothing is smaller than everything.
[[nodiscard]] inline const std::optional<Version>& later(const std::optional<Version>& a,
                                                         const std::optional<Version>& b) {
  return a < b ? b : a;
}

}  // namespace dynamirror::multimaster
