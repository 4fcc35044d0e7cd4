// SPDX-License-Identifier: Apache-2.0
// Private to replicate*.cpp: the parts of a running replication.
#pragma once

#include <list>
#include <memory>
#include <optional>

#include "async/task_group.hpp"
#include "jobs/replication/replicate.hpp"
#include "jobs/replication/replication_core.hpp"
#include "pipeline/pipeline.hpp"
#include "source/shard_reader.hpp"

namespace dynamirror::jobs {

struct Replication::Impl final : ShardKeeper::Reading {
  /// One shard that is being read: what the core knows of it, and how its pages come.
  struct ActiveShard {
    ReplicationCore::Shard& core;
    source::ShardReader reader;
    bool waits_for_room = false;
    SteadyTime asked_at;  ///< since when the reader has been at the page it reads, once there was room for it
  };

  Impl(ReplicateParts parts_in, ReplicateOptions options_in, boost::asio::any_io_executor executor_in);

  // replicate.cpp: the life of the job
  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<> shut_down();
  [[nodiscard]] ReplicateStatus status() const;
  [[nodiscard]] std::string last_trouble() const;
  void fail(JobFailure failure) override { ending.fail(std::move(failure)); }

  // replicate_caught_up.cpp
  [[nodiscard]] bool at_tip(const ActiveShard& shard) const;
  [[nodiscard]] bool caught_up() const;
  [[nodiscard]] std::chrono::milliseconds current_lag() const;
  [[nodiscard]] async::Task<> end_when_caught_up();
  [[nodiscard]] async::Task<> confirm_caught_up();

  // replicate_shards.cpp: reading one shard
  void start(ordering::ShardGraph::Readable readable) override;
  void revoke(const ShardId& shard, bool wind_down) override;
  [[nodiscard]] async::Task<> read_shard(ActiveShard& shard);
  [[nodiscard]] async::Task<> read_to_end(ActiveShard& shard);
  [[nodiscard]] async::Task<> retire(ActiveShard& shard);
  void forget(ActiveShard& shard);

  // replicate_checkpoints.cpp: what is durable, and whether anything moves
  [[nodiscard]] async::Task<> keep_checkpoints();
  void keep_time();
  [[nodiscard]] async::Task<> watch_reading();
  [[nodiscard]] std::optional<Error> stalled();

  ReplicateParts parts;
  ReplicateOptions options;
  Ending ending;
  Pipeline pipeline;
  std::unique_ptr<ShardKeeper> own_shards;  ///< without leases
  ShardKeeper& shards;
  ReplicationCore core;  ///< decides; the rest of this waits, and does what it says
  source::ReadSlots slots;
  std::list<ActiveShard> active;
  bool shutting_down = false;  ///< no shard is started any more
  async::TaskGroup reading;
  async::TaskGroup keeping;
};

}  // namespace dynamirror::jobs
