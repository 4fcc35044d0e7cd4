// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "coordination/lease_worker.hpp"
#include "jobs/replication/initial_load.hpp"
#include "jobs/replication/replicate.hpp"
#include "sink/versioned_tables.hpp"

namespace dynamirror::app {

/// What a replication came to.
struct ReplicateSummary {
  std::optional<coordination::LeaseWorker::Statistics> leases{};  ///< when shards were shared with other workers
  std::string source;
  std::string target;
  jobs::ReplicateStatus status;
  std::optional<jobs::InitialLoad::Progress> load{};  ///< what this run has loaded before it applied the stream
  std::chrono::milliseconds duration{0};
  double consumed_write_units = 0;
  std::optional<double> item_read_units{};                          ///< where changed items were read by their keys
  std::optional<sink::VersionedTables::Statistics> multi_master{};  ///< where both tables are written
  std::uint64_t requests = 0;                                       ///< HTTP requests, both sides, retries included
  std::size_t dead_letter_keys = 0;                                 ///< that the target lacks, also from earlier runs
  bool dry_run = false;
  ExitCode exit_code = ExitCode::kOk;
  std::string error;  ///< one line; empty after success
};

/// "12 stamped, 10 sent, 0 waiting, 3 conflicts".
[[nodiscard]] std::string versions_line(const sink::VersionedTables::Statistics& tables);

/// For people: a few lines. The counters add up: read = applied + superseded + filtered + dead-lettered + in flight.
[[nodiscard]] std::string to_text(const ReplicateSummary& summary);

/// For programs: one JSON object on one line; its members are a documented contract (docs/replicate.md).
[[nodiscard]] std::string to_json(const ReplicateSummary& summary);

}  // namespace dynamirror::app
