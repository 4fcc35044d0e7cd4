// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "async/task.hpp"
#include "coordination/lease_worker.hpp"
#include "jobs/replication/initial_load.hpp"
#include "jobs/replication/replicate.hpp"
#include "service/host.hpp"
#include "service/replication_options.hpp"
#include "sink/table_sink.hpp"
#include "sink/versioned_tables.hpp"

namespace dynamirror::service {

/// What a replication has come to, or has come to so far.
struct ReplicationResult {
  /// Why it ended; several when it was not fit to begin. Empty: well, or not yet.
  std::vector<jobs::JobFailure> failures{};
  bool begun = false;  ///< a load or the stream; before there is nothing to sum up
  jobs::ReplicateStatus status{};
  std::optional<jobs::InitialLoad::Progress> load{};                ///< what this run has loaded
  std::optional<coordination::LeaseWorker::Statistics> leases{};    ///< when shards are shared with others
  sink::TableSink::Statistics writes{};                             ///< of a table
  std::optional<double> item_read_units{};                          ///< of changed items read by their keys
  std::optional<sink::VersionedTables::Statistics> multi_master{};  ///< when both tables are written
  std::uint64_t requests = 0;                                       ///< HTTP requests, retries included
  std::size_t dead_letter_keys = 0;                                 ///< also of earlier runs
};

/// Whoever looks on. What is empty is not called.
struct ReplicationObserver {
  /// Before the first write.
  std::function<void()> work_begins{};
  /// Run beside the load and beside the replication, until cancelled. `items`: that the source counts.
  std::function<async::Task<>(const jobs::InitialLoad& load, std::uint64_t items)> loading{};
  std::function<async::Task<>(const jobs::Replication& job)> replicating{};
};

/// One replication, from plain options to its end: both ends found and checked, what is remembered of it opened, the
/// load if one is wanted, its changes applied. The one place where what a replication is made of is put together, for
/// commands, tests, and processes that run many. Single use. Not thread-safe: lives on its host's event loop.
///
/// All its parts outlive the coroutines that use them: destroyed after an event loop that was left in mid-run, it ends
/// as if the process had been killed.
class Replication {
 public:
  /// REQUIRES: host outlives this.
  Replication(ReplicationOptions options, Host& host, ReplicationObserver observer = {});
  ~Replication();
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  /// Runs to the end, by a stop request, a failure, or when it has caught up and is to end then.
  [[nodiscard]] async::Task<> run();
  /// In place of `run`: only finds and checks both ends; reads and writes no change.
  [[nodiscard]] async::Task<> check();

  [[nodiscard]] ReplicationResult result() const;
  /// Null until changes are read.
  [[nodiscard]] const jobs::Replication* job() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::service
