// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "jobs/multilang/delivered_records.hpp"
#include "jobs/multilang/multilang_protocol.hpp"
#include "model/key.hpp"
#include "ordering/change_buffer.hpp"
#include "pipeline/job_failure.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"

namespace dynamirror::jobs {

/// How lines come from the daemon and go to it.
class DaemonLines {
 public:
  virtual ~DaemonLines() = default;
  /// The next line, without its end; nothing when there will be no further one, or this process is to stop.
  [[nodiscard]] virtual async::Task<Result<std::optional<std::string>>> next() = 0;
  /// The line that answers one of ours: a stop does not keep it from coming.
  [[nodiscard]] virtual async::Task<Result<std::optional<std::string>>> answer() = 0;
  [[nodiscard]] virtual Status write(const std::string& line) = 0;
  /// Whether the daemon has closed its end, as seen without reading.
  [[nodiscard]] virtual bool gone() const = 0;
};

/// Applies the changes of one shard, under KCL's MultiLangDaemon: the daemon reads the stream and keeps the lease, and
/// gives the records to this process.
///
/// Promise: a checkpoint is asked for, and the end of the shard acknowledged, only when every change delivered before
/// is in the target or in the dead-letter file. Nothing is being written when a message is answered: so nothing is
/// written after "leaseLost". A daemon that dies ends the writing of the batch at hand; that it was paused cannot be
/// seen here. Changes that were delivered already are not applied again. Not thread-safe: lives on one event loop.
class MultiLangShard {
 public:
  struct Options {
    Pipeline::Options pipeline{};
    int checkpoint_attempts = 6;                      ///< while the lease table throttles
    std::chrono::milliseconds checkpoint_pause{200};  ///< before the second; doubled, up to 5 s
  };

  /// Opens the dead letters of a shard; null when there are to be none, and the first change refused ends the process.
  using OpenDeadLetters = std::function<Result<std::unique_ptr<sink::DeadLetters>>(const ShardId&)>;

  struct Parts {
    DaemonLines& lines;
    model::KeySchema key;  ///< of source and target
    /// The records are those of a Kinesis stream, in this form; nothing: those of DynamoDB Streams.
    std::optional<aws::KinesisRecordFormat> kinesis{};
    sink::ChangeSink& sink;
    OpenDeadLetters open_dead_letters;
    const Clock& clock;
    Random& random;
  };

  struct Statistics {
    ShardId shard{};
    ordering::ChangeBuffer::Counters changes{};
    std::uint64_t delivered_again = 0;  ///< records at or before one that was delivered before
    std::uint64_t checkpoints = 0;
  };

  MultiLangShard(Parts parts, Options options);
  ~MultiLangShard();

  /// Answers messages until there are no more.
  /// Errors: the daemon says what no daemon says, or sends records out of order (kBug), or other records than
  /// those of DynamoDB Streams where these are to come (kNotReady); a change that the target refuses, or a record of
  /// Kinesis that is none, without dead letters (kPoison); no change written for
  /// `pipeline.stall_timeout` (kStalled); the daemon went away before everything was written and checkpointed
  /// (kStopped); an end of the shard that could not be checkpointed (kUnreachable); a checkpoint that KCL refuses
  /// (kState).
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] Statistics statistics() const;

 private:
  struct Writing;

  [[nodiscard]] async::Task<JobResult<void>> answer_all();
  [[nodiscard]] async::Task<JobResult<void>> answer(DaemonMessage message);
  [[nodiscard]] async::Task<JobResult<void>> initialize(const DaemonMessage& message);
  [[nodiscard]] async::Task<JobResult<void>> process(DaemonMessage message);
  [[nodiscard]] async::Task<JobResult<void>> settle();
  [[nodiscard]] async::Task<JobResult<void>> checkpoint(bool at_end);
  [[nodiscard]] async::Task<JobResult<std::string>> ask_for_checkpoint();
  [[nodiscard]] JobResult<std::optional<DaemonMessage>> read(Result<std::optional<std::string>> line);
  [[nodiscard]] async::Task<JobResult<void>> push(std::vector<Delivered> records);

  Parts parts_;
  Options options_;
  json::Reader reader_;
  DeliveredRecords records_;
  std::unique_ptr<Writing> writing_;  ///< from "initialize" on
  ShardId shard_;
  bool sequence_numbers_ = false;
  bool over_ = false;    ///< the daemon said that the lease is lost, or the shard has ended
  bool lost_ = false;    ///< KCL refused a checkpoint because the lease is lost; the daemon will say so
  bool behind_ = false;  ///< changes were applied that no checkpoint covers
  std::optional<model::SequenceNumber> delivered_;
  std::uint64_t delivered_again_ = 0;
  std::uint64_t checkpoints_ = 0;
};

}  // namespace dynamirror::jobs
