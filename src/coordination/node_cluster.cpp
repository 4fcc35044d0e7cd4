// SPDX-License-Identifier: Apache-2.0
#include "coordination/node_cluster.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"

namespace dynamirror::coordination {

std::string new_node_cluster_id(WallTime now) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return fmt::format("{}@{}@{}", host.data(), getpid(), since_epoch.count());
}

async::Task<> keep_reporting(NodeLeaseStore& store, NodeCluster cluster) {
  bool failing = false;
  while (true) {  // until cancelled
    auto reported = co_await store.report(cluster.id, cluster.worker, cluster.consumers());
    if (!reported && !failing)
      log::warning("the number of shards read here is not told", {{"why", to_line(reported.error())}});
    failing = !reported;
    co_await async::sleep_for(kNodeLeaseTime / 3);
  }
}

}  // namespace dynamirror::coordination
