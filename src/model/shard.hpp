// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.hpp"
#include "model/sequence_number.hpp"

namespace dynamirror::model {

/// The hash keys of a shard of Kinesis, both ends included: decimal integers of 128 bits, as the service spells them.
struct HashKeyRange {
  std::string first;
  std::string last;
  friend bool operator==(const HashKeyRange&, const HashKeyRange&) = default;
};

/// One shard as DescribeStream, or ListShards, lists it.
struct Shard {
  ShardId id;
  /// One after a split, two after a merge (Kinesis); each may name a shard that is no longer listed (trimmed).
  std::vector<ShardId> parents;
  std::optional<SequenceNumber> first_sequence;
  std::optional<SequenceNumber> last_sequence;  ///< nothing while the shard is open
  std::optional<HashKeyRange> hash_keys{};      ///< nothing: a shard of a table's stream has none
  [[nodiscard]] bool open() const { return !last_sequence; }
  friend bool operator==(const Shard&, const Shard&) = default;
};

}  // namespace dynamirror::model
