// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_row.hpp"
#include "json/reader.hpp"

namespace dynamirror::coordination {

// Rows of the lease table of the Kinesis client library for Node.js (`launch-kinesis-cluster`): what we read and what
// we write, so that its workers and ours can share a table. The table's key is `type` (S), `id` (S). Pure.
//
// A row of type "lease", `id` the shard: `leaseCounter` (N) is raised by every write; `expiresAt` (N) is epoch
// milliseconds; `checkpointedSequence` (S) the last sequence number that is safe, absent at first; `isFinished` 1 (N:
// the library's vogels 0.12 reads a BOOL as false). A row of type "cluster", `id` the process: `activeConsumers` (N),
// `expiresAt`.
//
// The library names no owner, keeps attributes that it does not know (it writes with UpdateItem), and checks the
// counter it read, but not when that is absent or 0. So our rows begin with counter 1, which `Lease::counter` calls 0,
// and we add
// - `dynamirrorOwner` (S), and `dynamirrorCounter` (N), the counter written with it: where it is not the row's counter,
//   the library has written last, and the lease is its own;
// - `dynamirrorStart` (S): TRIM_HORIZON or LATEST, where to begin as long as there is no `checkpointedSequence`. The
//   library begins where its own --start-at says.

/// Whom a lease belongs to that the library wrote last; not which of its workers.
inline constexpr std::string_view kNodeWorker = "(Node.js)";

struct NodeLeaseRow {
  /// Nobody's when it is done. Without parents, children, owner switches and checkpoint owner, which have no place
  /// here.
  Lease lease;
  WallTime expires_at{};
};

struct NodeClusterRow {
  WallTime expires_at{};
  bool ours = false;  ///< a process of ours
};

/// Reads one item in wire form. Nothing for a row that is neither, or none that we can read.
/// `start`: the checkpoint of a lease without one. REQUIRES: `reader` is not reading.
[[nodiscard]] std::optional<std::variant<NodeLeaseRow, NodeClusterRow>> parse_node_row(std::string_view item_json,
                                                                                       std::string_view start,
                                                                                       json::Reader& reader);

/// The request that makes one write on condition of its counter, which every write of a row moves: with it the row is
/// as it was read. `expires_at`: until when the library leaves the lease alone. REQUIRES: neither kStartHandOver nor
/// kSetChildren; kCreate has a checkpoint; kTake an owner.
[[nodiscard]] LeaseRequest node_lease_request(const LeaseWrite& write, WallTime expires_at);

/// That this process runs `consumers` shards. `worker`: our name for it.
[[nodiscard]] LeaseRequest node_cluster_request(const std::string& id, const std::string& worker, std::size_t consumers,
                                                WallTime expires_at);
[[nodiscard]] LeaseRequest node_cluster_removal(const std::string& id);

/// The key of a lease's row: {"type":{"S":"lease"},"id":{"S":…}}.
[[nodiscard]] std::string node_lease_key_json(std::string_view shard);

}  // namespace dynamirror::coordination
