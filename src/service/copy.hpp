// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "async/task.hpp"
#include "jobs/copy/copy_table.hpp"
#include "jobs/prepare/copy_preflight.hpp"
#include "service/host.hpp"
#include "service/lease_options.hpp"
#include "service/replication_options.hpp"
#include "service/shared_job.hpp"
#include "service/state_files.hpp"

namespace dynamirror::service {

/// What a copy is of, in plain values.
struct CopyOptions {
  TableOptions source{};
  TableOptions target{};
  jobs::CopyPreflightOptions preflight{};   ///< `dry_run` is that of the whole copy
  bool prepare_only = false;                ///< end when the target is made, and found empty
  bool overwrite = false;                   ///< begin although the target holds items
  std::optional<double> max_write_units{};  ///< per second
  jobs::CopyOptions job{};            ///< a share of several is a copy of its own; `scan.table` is the source's name
  StateFileOptions files{};           ///< with leases, the dead letters alone
  LeaseOptions leases{};              ///< when wanted: segments are shared with other workers
  std::uint32_t lease_segments = 64;  ///< of all workers together; the first one says
};

/// What a copy has come to, or has come to so far.
struct CopyResult {
  std::optional<jobs::JobFailure> failure{};  ///< why it ended; nothing: well, or not yet
  bool begun = false;                         ///< both tables are fit, and may be written to
  jobs::CopyStatus status{};
  double consumed_write_units = 0;
  std::uint64_t requests = 0;                ///< HTTP requests to both sides and the lease table, retries included
  std::uint64_t expected_items = 0;          ///< that this process is to copy; 0: not known
  std::size_t dead_letter_keys = 0;          ///< that the target lacks, also from earlier runs
  std::optional<SharedJobSummary> shared{};  ///< with leases
};

class Copy;

/// Whoever looks on. What is empty is not called.
struct CopyObserver {
  std::function<void()> work_begins{};                       ///< before the first write
  std::function<async::Task<>(const Copy& copy)> copying{};  ///< beside the copy, until cancelled
};

/// One copy of a table, from plain options to its end: both tables found and checked, what is remembered of it opened,
/// its segments copied. The one place where what it is made of is put together. Single use. Not thread-safe: lives on
/// its host's event loop.
///
/// All its parts outlive the coroutines that use them: destroyed after an event loop that was left in mid-run, it ends
/// as if the process had been killed.
class Copy {
 public:
  /// REQUIRES: host outlives this.
  Copy(CopyOptions options, Host& host, CopyObserver observer = {});
  ~Copy();
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  /// Runs to the end. Failures, beside those of jobs::TableCopy: kNotReady for tables that are not fit, or a target
  /// that holds items; kPoison when the target lacks items that it has refused.
  [[nodiscard]] async::Task<> run();

  [[nodiscard]] CopyResult result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::service
