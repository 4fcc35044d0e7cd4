// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "jobs/copy/copy_table.hpp"
#include "jobs/prepare/copy_preflight.hpp"
#include "jobs/replication/replicate.hpp"
#include "source/change_stream.hpp"
#include "state/checkpoint_store.hpp"
#include "state/scan_store.hpp"
#include "state/spool_store.hpp"

namespace dynamirror::jobs {

/// Where the stream's changes wait while the load runs; both are one file.
struct SpoolParts {
  state::CheckpointStore& positions;
  state::SpoolStore& changes;
  std::string name;  ///< for messages: the file
};

struct InitialLoadOptions {
  CopyOptions copy{};  ///< `scan.consistent` must be set; purpose and phase are the load's own
  ReplicateOptions spooling{};
  CopyEstimate estimate{};  ///< of the whole table
  std::optional<double> max_write_units{};
};

/// What the job is made of. Everything outlives the job.
struct InitialLoadParts {
  const source::ChangeStream& stream;
  aws::DynamoDbClient& source;
  sink::ChangeSink& sink;
  sink::DeadLetters* dead_letters;  ///< null: the first item that the target refuses ends the load
  state::CheckpointStore& positions;
  state::ScanStore& scans;  ///< the same file
  std::optional<SpoolParts> spool;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

/// Brings what a table holds into a sink, so that its stream can be applied from there without a gap. Single use.
/// Not thread-safe: lives on one event loop.
///
/// How: the stream's position is made durable first: shards that are closed are over (strongly consistent reads see all
/// that they hold), open ones start at their oldest record (about four hours at most). Then the table is copied. Then
/// the stream is applied from the recorded positions: what changed while the load ran comes again, in order, so that
/// the newest state of every item, or its deletion, is the last one written. With a spool the stream is read while the
/// load runs, and what it said is written after the load: so a load may take longer than the 24 hours of a stream.
///
/// Promise: killed anywhere, the next run goes on; a finished load is not done again.
class InitialLoad {
 public:
  InitialLoad(InitialLoadParts parts, InitialLoadOptions options, boost::asio::any_io_executor executor);
  ~InitialLoad();
  InitialLoad(const InitialLoad&) = delete;
  InitialLoad& operator=(const InitialLoad&) = delete;

  /// Returns when the stream may be applied. Errors: kState when the replication has begun without a load, or goes on
  /// without the spool that it needs; kTrimmed when the stream is no longer the one of the recorded positions; those of
  /// TableCopy and, with a spool, Replication.
  [[nodiscard]] async::Task<JobResult<void>> run();

  struct Progress {
    std::string phase;  ///< "recording", "loading", "draining", "done"
    CopyStatus copy;
    std::uint64_t spooled = 0;  ///< changes put into the spool by this run
    std::uint64_t drained = 0;  ///< spooled keys written by this run
  };
  [[nodiscard]] Progress status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kInitialLoad = "initial load";
inline constexpr std::string_view kLoadDone = "done";

/// How long a load of this size takes with these budgets; nothing when no budget bounds it.
struct LoadBudgets {
  std::optional<double> read_units_per_second{};
  std::optional<double> write_units_per_second{};
};
[[nodiscard]] std::optional<std::chrono::seconds> expected_load_time(const CopyEstimate& estimate, LoadBudgets budgets);

/// Errors: class conflict when a state file remembers an initial load that has not ended: the stream must not be
/// applied before.
[[nodiscard]] Status check_no_unfinished_load(state::ScanStore& scans);

}  // namespace dynamirror::jobs
