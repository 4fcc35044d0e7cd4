// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "aws/dynamodb/table_description.hpp"

namespace dynamirror::service {

/// Of a lease table of the Kinesis client library for Node.js.
struct NodeLeaseOptions {
  std::optional<aws::Throughput> throughput{};  ///< of a table that is made; nothing: it is paid per request
};

/// Where the workers of a job keep their leases, and how this one takes part.
struct LeaseOptions {
  bool wanted = false;     ///< any of --lease-table, --task
  std::string table{};     ///< a name, or "file:PATH"; empty: named as awslabs' tool does
  std::string task{};      ///< in place of `table`: the task's name in awslabs' tool
  std::string region{};    ///< empty: the source's
  std::string endpoint{};  ///< empty: the source's, or the region's own
  std::string role_arn{};  ///< empty: the source's identity
  std::string external_id{};
  std::optional<NodeLeaseOptions> node{};  ///< the table has the form of that library, in place of KCL's
  std::optional<std::chrono::milliseconds> failover{};
  std::size_t max_leases = 1'000'000;
  bool steals_from_kcl = false;
  std::string worker_id{};                           ///< empty: a new one
  std::chrono::milliseconds check_interval{60'000};  ///< of the lease table's fitness
  std::chrono::milliseconds creation_poll{1'000};    ///< between two looks at a lease table that is being made
};

}  // namespace dynamirror::service
