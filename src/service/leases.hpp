// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "coordination/dynamodb_lease_store.hpp"
#include "coordination/lease_names.hpp"
#include "coordination/lease_worker.hpp"
#include "coordination/node_cluster.hpp"
#include "service/host.hpp"
#include "service/lease_options.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::service {

/// KCL's own default, and the one of awslabs' cross-region library, whose workers renew every 20 s: with less, its
/// leases would be taken for expired.
inline constexpr std::chrono::milliseconds kFailover{10'000};
inline constexpr std::chrono::milliseconds kCrossRegionFailover{60'000};

/// Which of the two a table has, by its name.
[[nodiscard]] std::chrono::milliseconds default_failover(const std::string& table);

/// The leases of one job, opened and fit for use.
struct Leases {
  std::string table;                      ///< as it is named; also the namespace of its metrics
  std::unique_ptr<jobs::TableSide> side;  ///< null for a file
  std::unique_ptr<coordination::LeaseStore> store;
  coordination::DynamoDbLeaseStore* dynamodb = nullptr;  ///< the store, when it is a table of KCL's form
  coordination::NodeLeaseStore* node = nullptr;          ///< the store, when it is the Node.js library's
  coordination::LeaseWorker::Options worker;
  std::chrono::milliseconds failover{};

  /// Whether leases may still be taken here: a fleet of KCL 3.x may have begun to assign them.
  [[nodiscard]] async::Task<Status> check() const;
};

/// The name of the lease table. Errors: class invalid.
[[nodiscard]] Result<std::string> lease_table_name(const LeaseOptions& options,
                                                   const coordination::CrossRegionTask& task);

/// The task that is replicated between two tables.
[[nodiscard]] coordination::CrossRegionTask task_of(const aws::TableAddress& source, const aws::TableAddress& target);

/// Opens the leases of a job. Makes the table when there is none.
/// `source`, `source_side`: what region, endpoint and identity are taken from unless the options say otherwise.
/// `job`: what a file of leases is for. Errors: one line each, with the remedy.
[[nodiscard]] async::Task<Result<Leases>> open_leases(Host& host, LeaseOptions options, std::string table,
                                                      aws::TableAddress source, aws::SideOptions source_side,
                                                      std::string job);

/// The same in a table of the Kinesis client library for Node.js, which its workers may use meanwhile. `stream`: whose
/// shards the leases are of. `start`: where a shard begins that nobody has checkpointed, TRIM_HORIZON or LATEST.
/// REQUIRES: options.node; the stream outlives the leases.
struct NodeLeaseParts {
  Host& host;
  const LeaseOptions& options;
  const source::ChangeStream& stream;
  std::string start;
};
[[nodiscard]] async::Task<Result<Leases>> open_node_leases(NodeLeaseParts parts, aws::TableAddress source,
                                                           aws::SideOptions source_side);

}  // namespace dynamirror::service
