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
#include "jobs/segments/segment_keeper.hpp"
#include "model/key.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"
#include "source/table_scan.hpp"

namespace dynamirror::jobs {

struct CopyOptions {
  source::TableScan::Options scan;
  std::string purpose = "copy";  ///< for messages
  Pipeline::Options pipeline{};
  std::chrono::milliseconds save_interval{1'000};  ///< what has moved is told to the keeper as often, at least
  std::chrono::milliseconds drain_timeout{4'000};  ///< after a stop request: writing has this long
  /// Of one segment that another worker waits for; then what is not written is left to it.
  Duration wind_down_time = std::chrono::hours(1);
};

/// What the job is made of. Everything outlives the job.
struct CopyParts {
  aws::DynamoDbClient& source;
  model::KeySchema key;
  sink::ChangeSink& sink;
  sink::DeadLetters* dead_letters;  ///< null: the first item that the target refuses ends the copy
  SegmentKeeper& keeper;
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

/// Copies the segments of a table that its keeper hands out into a sink: a scan, and the replication's writers. Alone
/// that is all of a table, or of one share of it; with leases it is one worker of several, which may join or leave in
/// mid-job. Single use. Not thread-safe: lives on one event loop.
///
/// Promises
/// - A position is given to the keeper only when every item before it is in the sink or in the dead-letter store; so a
///   copy that was killed anywhere, or whose segment goes to another worker, goes on where it was, and reads again what
///   was not settled.
/// - Nothing is written of a segment after its lease could have expired.
/// - Memory is bounded: `pipeline.max_bytes` and a page (1 MB) for each segment under way.
class TableCopy {
 public:
  TableCopy(CopyParts parts, CopyOptions options, boost::asio::any_io_executor executor);
  ~TableCopy();
  TableCopy(const TableCopy&) = delete;
  TableCopy& operator=(const TableCopy&) = delete;

  /// Runs until the whole job is done; a worker that has nothing to do waits, in case another one's segments come free.
  /// Errors: kStopped after a stop request, with everything given back; kState for what the keeper
  /// cannot make durable; what ended the scan, the writing or the leases.
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] CopyStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
