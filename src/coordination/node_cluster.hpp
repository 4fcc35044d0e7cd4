// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "coordination/node_lease_store.hpp"

namespace dynamirror::coordination {

/// A name for this process among the clusters of a Node.js lease table, as the library makes its own:
/// "host@process@milliseconds".
[[nodiscard]] std::string new_node_cluster_id(WallTime now);

/// Who says how many shards a process reads.
struct NodeCluster {
  std::string id;      ///< made by `new_node_cluster_id`
  std::string worker;  ///< its name among ours
  std::function<std::size_t()> consumers;
};

/// Says it every third of `kNodeLeaseTime` until cancelled; then `NodeLeaseStore::sign_off` takes the row away. What
/// fails is a warning, once: without the row the library's workers only keep more leases than their share.
/// REQUIRES: the store outlives the task.
[[nodiscard]] async::Task<> keep_reporting(NodeLeaseStore& store, NodeCluster cluster);

}  // namespace dynamirror::coordination
