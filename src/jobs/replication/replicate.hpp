// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "ordering/change_buffer.hpp"
#include "pipeline/job_failure.hpp"
#include "pipeline/lag_histogram.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"
#include "source/change_stream.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::jobs {

/// What the job is made of. Everything outlives the job.
struct ReplicateParts {
  const source::ChangeStream& stream;
  sink::ChangeSink& sink;
  sink::DeadLetters* dead_letters;  ///< null: the first change that the target refuses ends the job
  state::CheckpointStore* store;    ///< of this process alone; null with `shards`
  StopRequest& stop;
  const Clock& clock;
  Random& random;
  ShardKeeper* shards = nullptr;  ///< of several workers; null with `store`
};

/// The state of a running job, for progress lines; the counters add up at every moment (invariant 4).
struct ReplicateStatus {
  ordering::ChangeBuffer::Counters counters{};
  std::vector<Pipeline::RuleCount> rules{};  ///< what `counters.filtered` is the sum of
  std::size_t shards_being_read = 0;
  std::size_t shards_waiting = 0;
  std::size_t held_bytes = 0;
  std::uint64_t retries = 0;
  LagHistogram lag{};
  /// Age of the oldest change that the target lacks, zero when caught up; nothing when no shard is being read, so that
  /// nobody knows.
  std::optional<std::chrono::milliseconds> current_lag{};
  bool at_tip = false;         ///< all shards known of are read, and had nothing more a moment ago
  bool caught_up = false;      ///< while others share the stream: with the shards that this worker reads
  bool holds_none = false;     ///< of the leases: other workers have them all
  std::string last_trouble{};  ///< of writing, reading or listing; empty when that is over
};

/// A running replication of one stream into one sink. Single use. Not thread-safe: lives on one event loop.
///
/// Promises: invariants 1 to 6 of docs/architecture.md.
class Replication {
 public:
  Replication(ReplicateParts parts, ReplicateOptions options, boost::asio::any_io_executor executor);
  ~Replication();
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  /// Runs until a stop is requested, until caught up (if so asked), or until a failure that needs a person. Whatever
  /// happens, what is safe is checkpointed before this returns.
  [[nodiscard]] async::Task<JobResult<void>> run();

  [[nodiscard]] ReplicateStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
