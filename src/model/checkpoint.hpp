// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

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
/// Every change at or before it is safe; reading goes on after it.
struct AfterSequence {
  SequenceNumber sequence;
  friend bool operator==(const AfterSequence&, const AfterSequence&) = default;
};
/// Read to its end and everything in it safe.
struct ShardEnd {
  friend bool operator==(const ShardEnd&, const ShardEnd&) = default;
};
using Checkpoint = std::variant<TrimHorizon, Latest, AfterSequence, ShardEnd>;

/// "TRIM_HORIZON", "LATEST", the digits, or "SHARD_END": KCL's spelling.
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
