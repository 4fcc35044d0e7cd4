// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/shard.hpp"

namespace dynamirror::coordination {

/// The checkpoint of work that is done: KCL's word for a shard that was read to its end.
inline constexpr std::string_view kShardEnd = "SHARD_END";

/// One unit of work that any of several workers may own: a shard of a stream, or a segment of a scan. The attributes
/// are those of a KCL lease row; a checkpoint is text that only the work itself understands, but for `kShardEnd`.
struct Lease {
  std::string key;                      ///< leaseKey
  std::string owner{};                  ///< leaseOwner; empty: nobody's
  std::uint64_t counter = 0;            ///< leaseCounter: moves with every renewal; the only fence
  std::uint64_t owner_switches = 0;     ///< ownerSwitchesSinceCheckpoint; for people
  std::string checkpoint{};             ///< checkpoint
  std::vector<std::string> parents{};   ///< parentShardId
  std::vector<std::string> children{};  ///< childShardIds; empty: none are known
  std::string checkpoint_owner{};       ///< checkpointOwner: hands the lease over to `owner`; empty: nobody does
  /// startingHashKey, endingHashKey: of a shard of Kinesis. Kept in tables of KCL's form alone.
  std::optional<model::HashKeyRange> hash_keys{};
  [[nodiscard]] bool done() const { return checkpoint == kShardEnd; }
  friend bool operator==(const Lease&, const Lease&) = default;
};

/// One conditional write to one row. A condition that does not hold changes nothing.
struct LeaseWrite {
  enum class Kind {
    kCreate,         ///< puts a row with this checkpoint and these parents, unowned, counter 0; when there is none
    kRenew,          ///< counter + 1, and `checkpoint` when given; when the counter is `counter`
    kTake,           ///< owner = `owner`, counter + 1, no checkpoint owner; when the counter is `counter`
    kRelease,        ///< owner = `owner` or none, counter + 1, no checkpoint owner; when counter and `from` hold
    kStartHandOver,  ///< owner = `owner`, checkpoint owner = `from`; when `from` owns and works on it
    kSetChildren,    ///< children = `children`; when the row is there
    kDelete,         ///< removes the row; when it is done and the counter is `counter`
    kRemove,         ///< removes the row, done or not; when counter and `from` hold: for people, not for workers
  };

  Kind kind = Kind::kRenew;
  std::string key{};
  std::uint64_t counter = 0;  ///< as last known
  std::string owner{};        ///< the new owner; kRelease: empty for none
  std::string from{};         ///< the owner as last known; kTake: counts a switch of owners when another one's
  std::optional<std::string> checkpoint{};  ///< kCreate; kRenew and kRelease: to be made durable in the same write
  std::vector<std::string> parents{};       ///< kCreate
  std::vector<std::string> children{};      ///< kSetChildren; kRelease: set in the same write when not empty
  std::optional<model::HashKeyRange> hash_keys{};  ///< kCreate
  /// kRenew: also when somebody else is to get the lease: its owner goes on while it finishes what it has begun.
  bool handing_over = false;
  friend bool operator==(const LeaseWrite&, const LeaseWrite&) = default;
};

}  // namespace dynamirror::coordination
