// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aws/environment.hpp"
#include "coordination/lease_worker.hpp"
#include "jobs/dead_letters/replay_dead_letters.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/replicate.hpp"
#include "pipeline/job_failure.hpp"
#include "sink/table_sink.hpp"
#include "support/worker_name.hpp"

namespace dynamirror::support {

/// Variables as a test sets them; there are no files. Not thread-safe.
class ScriptedEnvironment final : public aws::Environment {
 public:
  std::map<std::string, std::string, std::less<>> variables;

  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override;
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override;
};

/// `dynamirror replicate` without its command line and process: preflight, state file, dead letters and job on an event
/// loop of its own, over real sockets. It can be killed at any moment (nothing of it runs or is saved any more) and run
/// again on the same files.
///
/// Not thread-safe: `run` blocks until the end and calls the watcher on the caller's thread.
class ReplicationRun {
 public:
  struct Options {
    std::string source;  ///< as on the command line
    std::string target;
    std::filesystem::path folder;  ///< of the state file and the dead letters
    jobs::ReplicateOptions job = brisk();
    bool stop_on_poison = false;  ///< there are no dead letters
    jobs::PreflightOptions preflight{};
    std::optional<double> max_write_units{};
    std::chrono::milliseconds time_limit{180'000};  ///< of one run; a run that needs it has failed
    std::size_t max_dead_letter_keys = 100'000;     ///< beyond it the dead-letter file takes nothing any more
    std::uint64_t seed = 1;
    Duration wall_shift{};  ///< of the job's calendar time against the machine's; may be changed during a run
    /// Address of a lease table, made when there is none: the shards are shared with other runs, on other threads, and
    /// there is no state file.
    std::string lease_table{};
    std::string worker_id = worker_name("test");  ///< with leases; a run of its own each time
    std::chrono::milliseconds failover{1'000};
    std::chrono::milliseconds check_interval{60'000};  ///< of the lease table's fitness
    /// Called before rows become durable, on the thread that saves; an error makes the save fail.
    std::function<Status(std::span<const model::ShardCheckpoint>)> before_save{};
  };

  /// Stops when caught up; all intervals are short.
  [[nodiscard]] static jobs::ReplicateOptions brisk();

  /// A run under way, for the watcher.
  class Live {
   public:
    [[nodiscard]] virtual jobs::ReplicateStatus status() const = 0;
    [[nodiscard]] virtual std::chrono::milliseconds elapsed() const = 0;  ///< since reading began
    virtual void request_stop() = 0;                                      ///< as SIGTERM does
    virtual void kill() = 0;                                              ///< as SIGKILL does, once the watcher returns

   protected:
    ~Live() = default;
  };
  /// Called every few milliseconds while the job runs.
  using Watcher = std::function<void(Live&)>;

  struct Ended {
    std::optional<jobs::Reason> reason;      ///< of the failure; nothing when there was none
    std::vector<jobs::JobFailure> failures;  ///< the findings of the preflight, or why the job ended
    bool ended = false;                      ///< by itself: neither killed nor cut off by the time limit
    bool killed = false;
    bool out_of_time = false;
    jobs::ReplicateStatus status;
    sink::TableSink::Statistics writes;
    coordination::LeaseWorker::Statistics leases;
    std::chrono::milliseconds took{0};
    std::chrono::milliseconds stop_took{0};  ///< since `request_stop`

    /// It ended by itself, and well.
    [[nodiscard]] bool ok() const { return ended && !reason; }
    /// Everything in a few lines: what the user is told, the counters.
    [[nodiscard]] std::string text() const;
  };

  explicit ReplicationRun(Options options);
  ~ReplicationRun();

  /// Starts, and returns when the job has ended or the watcher has killed it.
  [[nodiscard]] Ended run(const Watcher& watcher = {});

  /// Only the checks before it. Exit code and failures as `run`; nothing is read.
  [[nodiscard]] Ended check();

  /// `dynamirror dead-letters replay`.
  [[nodiscard]] Result<jobs::ReplayResult> replay();

  [[nodiscard]] std::filesystem::path state_file() const { return options.folder / "state"; }
  [[nodiscard]] std::filesystem::path dead_letter_file() const { return options.folder / "dead-letters.jsonl"; }
  /// The lines of the dead-letter file, oldest first. REQUIRES: no run is under way.
  [[nodiscard]] std::vector<std::string> dead_letters() const;
  /// The rows of the state file, of all streams. REQUIRES: no run is under way.
  [[nodiscard]] std::vector<model::ShardCheckpoint> rows() const;

  Options options;                         ///< may be changed between runs
  ScriptedEnvironment source_environment;  ///< holds the stand-ins' default identity; may be changed at any time
  ScriptedEnvironment target_environment;

 private:
  class Process;
};

}  // namespace dynamirror::support
