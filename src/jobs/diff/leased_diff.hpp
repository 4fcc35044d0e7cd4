// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "jobs/diff/diff_tables.hpp"
#include "jobs/segments/leased_segments.hpp"

namespace dynamirror::jobs {

/// What the job is made of. Everything outlives the job.
struct LeasedDiffParts {
  TableSide& primary;
  TableSide& replica;
  DiffReport& report;
  coordination::LeaseStore& leases;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

/// One worker of a comparison (or repair) that several share: each segment of the primary is compared with the same
/// segment of the replica, as DiffTables does it. Single use. Not thread-safe: lives on one event loop.
///
/// Promises
/// - A finished segment is not compared again. One that was lost on the way is compared again from its start: what was
///   found in it may be reported twice.
/// - Memory and budgets are those of `options`, for all segments under way together.
class LeasedDiff {
 public:
  /// `options` is without a share and a sample.
  LeasedDiff(LeasedDiffParts parts, DiffOptions options, LeasedSegments::Options leases,
             boost::asio::any_io_executor executor);
  ~LeasedDiff();
  LeasedDiff(const LeasedDiff&) = delete;
  LeasedDiff& operator=(const LeasedDiff&) = delete;

  /// Runs until the whole comparison is done. kEqual: what this process has compared is equal (or made equal);
  /// kDifferent: not. Errors: as DiffTables, and those of the leases.
  [[nodiscard]] async::Task<JobResult<DiffVerdict>> run();

  /// Of this process, so far.
  [[nodiscard]] DiffTotals totals() const;
  [[nodiscard]] LeasedSegments::Status status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
