// SPDX-License-Identifier: Apache-2.0
#include "multimaster/version.hpp"

#include <algorithm>
#include <charconv>

namespace dynamirror::multimaster {
namespace {

constexpr std::size_t kTimeDigits = 16;   // microseconds until the year 2286
constexpr std::size_t kLengthDigits = 2;  // of the sequence number
constexpr std::size_t kMaxOrigin = 32;

std::string padded(std::string digits, std::size_t width) {
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

std::string_view significant(std::string_view digits) {
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

std::optional<std::int64_t> number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

bool Version::is_origin(std::string_view text) {
  return !text.empty() && text.size() <= kMaxOrigin && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
}

std::string sortable(const model::SequenceNumber& sequence) {
  const std::string_view digits = significant(sequence.text());
  return padded(std::to_string(digits.size()), kLengthDigits).append(digits);
}

std::optional<model::SequenceNumber> parse_sortable(std::string_view text) {
  if (text.size() <= kLengthDigits) return std::nullopt;
  const auto length = number(text.substr(0, kLengthDigits));
  const std::string_view digits = text.substr(kLengthDigits);
  if (!length || static_cast<std::size_t>(*length) != digits.size()) return std::nullopt;
  const auto sequence = model::SequenceNumber::parse(digits);
  if (!sequence || significant(digits).size() != digits.size()) return std::nullopt;
  return *sequence;
}

std::string Version::text() const {
  return padded(std::to_string(time_), kTimeDigits) + "." + sortable(sequence_) + "." + origin_;
}

std::optional<Version> Version::parse(std::string_view text) {
  constexpr std::size_t kSequenceAt = kTimeDigits + 1;
  if (text.size() < kSequenceAt || text[kTimeDigits] != '.') return std::nullopt;
  const std::size_t end = text.find('.', kSequenceAt);
  if (end == std::string_view::npos) return std::nullopt;
  const auto time = number(text.substr(0, kTimeDigits));
  const auto sequence = parse_sortable(text.substr(kSequenceAt, end - kSequenceAt));
  const std::string_view origin = text.substr(end + 1);
  if (!time || !sequence || !is_origin(origin)) return std::nullopt;
  return Version(*time, *sequence, std::string(origin));
}

}  // namespace dynamirror::multimaster
