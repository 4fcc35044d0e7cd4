// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/strong_id.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::model {

/// One shard as DescribeStream lists it.
struct Shard {
  ShardId id;
  /// One after a split, two after a merge (Kinesis); each may name a shard that is no longer listed (trimmed).
  std::vector<ShardId> parents;
  std::optional<SequenceNumber> first_sequence;
  std::optional<SequenceNumber> last_sequence;  ///< nothing while the shard is open
  [[nodiscard]] bool open() const { return !last_sequence; }
  friend bool operator==(const Shard&, const Shard&) = default;
};

}  // namespace dynamirror::model
