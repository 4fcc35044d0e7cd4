// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/key.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"
#include "source/table_scan.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::jobs {

struct CopyOptions {
  source::TableScan::Options scan;
  std::string purpose = "copy";   ///< under which the scan is remembered
  std::string phase = "loading";  ///< with which it is remembered
  Pipeline::Options pipeline{};
  std::chrono::milliseconds save_interval{1'000};
  std::chrono::milliseconds drain_timeout{4'000};  ///< after a stop request: writing has this long
};

/// What the job is made of. Everything outlives the job.
struct CopyParts {
  aws::DynamoDbClient& source;
  model::KeySchema key;
  sink::ChangeSink& sink;
  sink::DeadLetters* dead_letters;  ///< null: the first item that the target refuses ends the copy
  coordination::ScanStore& store;
  StopRequest& stop;
  const Clock& clock;
  Random& random;
};

/// Of this run; what earlier runs of a resumed copy did is not counted again.
struct CopyStatus {
  source::TableScan::Statistics scan;
  /// read = applied + superseded (the same item delivered twice) + dead-lettered + held, at every moment.
  ordering::ChangeBuffer::Counters counters;
  std::uint64_t retries = 0;
  bool resumed = false;
  std::string last_trouble;
};

/// Copies every item of a table, or of one share of it, into a sink: a scan, and the replication's writers. Single use.
/// Not thread-safe: lives on one event loop.
///
/// Promises
/// - A position is remembered only when every item before it is in the sink or in the dead-letter file; so a copy that
///   was killed anywhere goes on where it was, and reads again what was not settled.
/// - Memory is bounded: `pipeline.max_bytes` and a page (1 MB) for each segment under way.
class TableCopy {
 public:
  TableCopy(CopyParts parts, CopyOptions options, boost::asio::any_io_executor executor);
  ~TableCopy();
  TableCopy(const TableCopy&) = delete;
  TableCopy& operator=(const TableCopy&) = delete;

  /// Runs to the end of the scan, with all items settled and all positions saved; the scan stays in the store, every
  /// segment done. Errors: exit code kStoppedEarly after a stop request; kState for a store that cannot be written or
  /// holds another scan; what ended the scan or the writing.
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] CopyStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What the store is to remember before the first page is read.
[[nodiscard]] coordination::ScanJob fresh_scan(const CopyOptions& options, WallTime now);

/// Errors: class conflict when the scan that a store remembers is another job's, or was cut otherwise, so that its
/// positions mean nothing to this one.
[[nodiscard]] Status check_same_scan(const coordination::ScanJob& found, const CopyOptions& wanted);

}  // namespace dynamirror::jobs
