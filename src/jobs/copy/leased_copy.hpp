// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "jobs/copy/copy_table.hpp"
#include "jobs/segments/leased_segments.hpp"

namespace dynamirror::jobs {

/// What the job is made of. Everything outlives the job.
struct LeasedCopyParts {
  aws::DynamoDbClient& source;
  model::KeySchema key;
  sink::ChangeSink& sink;
  sink::DeadLetters* dead_letters;  ///< null: the first item that the target refuses ends the copy
  coordination::LeaseStore& leases;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

struct LeasedCopyStatus {
  CopyStatus copy;  ///< of this process; `scan.segments` are those of the whole table
  LeasedSegments::Status shared;
};

/// One worker of a copy that several share: as TableCopy, but its segments are leases, and it may join or leave in
/// mid-job. Single use. Not thread-safe: lives on one event loop.
///
/// Promises
/// - A segment that is finished, by anyone, is not read again. Of one that was lost, the next owner reads again what
///   its last checkpoint does not cover.
/// - Nothing is written of a segment after its lease could have expired.
/// - Memory is bounded as TableCopy's, however many segments it holds.
class LeasedCopy {
 public:
  /// `options.scan.split` is the job's number of segments (SharedTerms), its share all of the table. A page of each is
  /// read in turn.
  LeasedCopy(LeasedCopyParts parts, CopyOptions options, LeasedSegments::Options leases,
             boost::asio::any_io_executor executor);
  ~LeasedCopy();
  LeasedCopy(const LeasedCopy&) = delete;
  LeasedCopy& operator=(const LeasedCopy&) = delete;

  /// Runs until the whole job is done; a worker that has nothing to do waits, in case another one's leases come free.
  /// Errors: exit code kStoppedEarly after a stop request, with everything given back; kState for leases that do not
  /// fit; what ended the scan, the writing or the leases.
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] LeasedCopyStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
