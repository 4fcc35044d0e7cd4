// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::model {

/// Where reading of a shard (re)starts: the same set of values as a KCL checkpoint.
struct TrimHorizon {
  friend bool operator==(const TrimHorizon&, const TrimHorizon&) = default;
};
struct Latest {
  friend bool operator==(const Latest&, const Latest&) = default;
};
/// The first change that the service took at this moment or later; Kinesis alone can tell. Without a moment it is the
/// one that the configuration names, as in KCL's lease tables, which hold the word alone.
struct AtTimestamp {
  std::optional<WallTime> time;
  friend bool operator==(const AtTimestamp&, const AtTimestamp&) = default;
};
/// Every change at or before it is safe; reading goes on after it.
struct AfterSequence {
  SequenceNumber sequence;
  friend bool operator==(const AfterSequence&, const AfterSequence&) = default;
};
/// Read to its end and everything in it safe.
struct ShardEnd {
  friend bool operator==(const ShardEnd&, const ShardEnd&) = default;
};
using Checkpoint = std::variant<TrimHorizon, Latest, AfterSequence, ShardEnd, AtTimestamp>;

/// Nothing of the shard has been read from there on.
[[nodiscard]] inline bool is_beginning(const Checkpoint& checkpoint) {
  return std::holds_alternative<TrimHorizon>(checkpoint) || std::holds_alternative<AtTimestamp>(checkpoint);
}

/// "TRIM_HORIZON", "LATEST", the digits, "SHARD_END" or "AT_TIMESTAMP": KCL's spelling. What KCL keeps elsewhere
/// follows a colon: the sub-sequence number unless it is 0, the moment in microseconds since 1970 if there is one.
[[nodiscard]] std::string to_string(const Checkpoint& checkpoint);
/// The reverse. Errors: class invalid.
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

/// How far one shard is safe, and which shards come before it.
struct ShardCheckpoint {
  ShardId shard;
  std::vector<ShardId> parents;
  Checkpoint checkpoint;
  friend bool operator==(const ShardCheckpoint&, const ShardCheckpoint&) = default;
};

}  // namespace dynamirror::model
