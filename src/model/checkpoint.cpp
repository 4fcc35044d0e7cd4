// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace dynamirror::model {
namespace {

using std::chrono::microseconds;

constexpr std::string_view kAtTimestamp = "AT_TIMESTAMP";

struct Spelling {
  std::string operator()(const TrimHorizon&) const { return "TRIM_HORIZON"; }
  std::string operator()(const Latest&) const { return "LATEST"; }
  std::string operator()(const AfterSequence& after) const { return after.sequence.str(); }
  std::string operator()(const ShardEnd&) const { return "SHARD_END"; }
  std::string operator()(const AtTimestamp& start) const {
    std::string text(kAtTimestamp);
    if (!start.time) return text;
    const auto since = std::chrono::duration_cast<microseconds>(start.time->time_since_epoch());
    return text + ":" + std::to_string(since.count());
  }
};

/// `rest` is what follows the word.
Result<Checkpoint> parse_timestamp(std::string_view rest) {
  if (rest.empty()) return AtTimestamp{};
  constexpr std::int64_t kLatest = 9'000'000'000'000'000;  // the year 2255, within 64 bits of nanoseconds
  std::int64_t since = -1;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), since);
  if (rest.front() != ':' || error != std::errc{} || end != rest.data() + rest.size() || since < 0 || since > kLatest) {
    return failure(ErrorClass::kInvalid, "read checkpoint", std::string(kAtTimestamp),
                   "its moment is not a number of microseconds since 1970");
  }
  return AtTimestamp{WallTime(microseconds(since))};
}

}  // namespace

std::string to_string(const Checkpoint& checkpoint) { return std::visit(Spelling{}, checkpoint); }

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  if (text == "TRIM_HORIZON") return TrimHorizon{};
  if (text == "LATEST") return Latest{};
  if (text == "SHARD_END") return ShardEnd{};
  if (text.starts_with(kAtTimestamp)) return parse_timestamp(text.substr(kAtTimestamp.size()));
  auto sequence = SequenceNumber::parse_place(text);
  if (!sequence) return std::unexpected(std::move(sequence.error()));
  return AfterSequence{*sequence};
}

}  // namespace dynamirror::model
