// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>

#include "jobs/dump/backup_table.hpp"
#include "jobs/segments/leased_segments.hpp"

namespace dynamirror::jobs {

/// What the job is made of. Everything outlives the job.
struct LeasedBackupParts {
  TableSide& table;
  objects::ObjectStore& store;
  async::CpuPool& pool;
  coordination::LeaseStore& leases;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

/// Of this process; the objects are those of the segments that it has finished.
struct LeasedBackupStatus {
  source::TableScan::Statistics scan;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored_bytes = 0;
  LeasedSegments::Status shared;
};

/// One worker of a dump that several share: each segment is an object with a manifest of its own (DumpNames), as of a
/// dump by so many processes with --segment and --segments. Single use. Not thread-safe: lives on one event loop.
///
/// Promises
/// - A segment's lease is finished when its object and then its manifest are there; a finished segment is not read
///   again. One that was lost on the way is read again from its start, and what was sent of it stays invisible.
/// - Memory is bounded: a few segments are read at once, however many leases are held.
class LeasedBackup {
 public:
  /// `options.job_id` and `options.scan.split` are the job's (SharedTerms), its share all of the table.
  LeasedBackup(LeasedBackupParts parts, BackupOptions options, LeasedSegments::Options leases,
               boost::asio::any_io_executor executor);
  ~LeasedBackup();
  LeasedBackup(const LeasedBackup&) = delete;
  LeasedBackup& operator=(const LeasedBackup&) = delete;

  /// Runs until the whole dump is there; a worker that has nothing to do waits, in case another one's leases come
  /// free. Errors: kStopped after a stop request, with everything given back; kState for leases that do
  /// not fit; what ended the scan, the writing or the leases.
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] LeasedBackupStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
