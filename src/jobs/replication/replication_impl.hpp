// SPDX-License-Identifier: Apache-2.0
// Private to replicate*.cpp: the parts of a running replication.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "jobs/replication/replicate.hpp"
#include "pipeline/pipeline.hpp"
#include "source/shard_reader.hpp"

namespace dynamirror::jobs {

/// An empty answer does not prove that a shard has no more records: DynamoDB answers empty pages in mid-shard, too.
/// Several in a row from every shard, with nothing held and a fresh listing, is as near to certain as the service
/// allows.
inline constexpr std::size_t kEmptyAnswersAtTip = 4;

struct Replication::Impl final : ShardKeeper::Reading {
  /// Why a shard is not read any more, though it has not ended.
  enum class Revoked {
    kNo,
    kWindDown,  ///< another worker goes on when what was read of it is written
    kLost,      ///< another worker may have gone on already
  };

  /// One shard that is being read, from its first page until its end is durable.
  struct ActiveShard {
    ShardId id;
    model::Checkpoint from;
    Pipeline::ShardHandle handle;
    source::ShardReader reader;
    std::optional<model::SequenceNumber> pushed;  ///< the last change given to the buffer
    std::optional<WallTime> newest;               ///< when that change was made
    std::optional<model::SequenceNumber> saved;   ///< the last durable checkpoint of this run
    bool waits_for_room = false;
    bool ended = false;  ///< the reader has seen the end
    Revoked revoked = Revoked::kNo;
    std::size_t empty_answers = 0;  ///< in a row
    std::size_t empty_answers_at_listing = 0;
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
  [[nodiscard]] async::Task<std::optional<Error>> read_to_end(ActiveShard& shard);
  [[nodiscard]] bool push_page(ActiveShard& shard, std::vector<model::Change> changes);
  [[nodiscard]] bool may_skip(const ActiveShard& shard, const Error& error);
  [[nodiscard]] async::Task<> retire(ActiveShard& shard, source::ChangeStream::Loss lost);
  void remove(ActiveShard& shard);
  [[nodiscard]] const ActiveShard* find(Pipeline::ShardHandle handle) const;
  [[nodiscard]] std::optional<SteadyTime> write_permit(Pipeline::ShardHandle handle) const;

  // replicate_checkpoints.cpp: what is durable, and whether anything moves
  [[nodiscard]] async::Task<> keep_checkpoints();
  [[nodiscard]] Status save_checkpoints();
  [[nodiscard]] std::vector<SafeShard> safe_shards();
  [[nodiscard]] std::vector<ReadUntil> read_until() const;
  [[nodiscard]] async::Task<> watch_reading();
  [[nodiscard]] std::optional<Error> stalled();

  ReplicateParts parts;
  ReplicateOptions options;
  Ending ending;
  Pipeline pipeline;
  std::unique_ptr<ShardKeeper> own_shards;  ///< without leases
  ShardKeeper& shards;
  source::ReadSlots slots;
  std::list<ActiveShard> active;
  std::vector<const ActiveShard*> of_handle;  ///< by the buffer's handle; null: none
  bool shutting_down = false;  ///< no shard is started any more
  async::TaskGroup reading;
  async::TaskGroup keeping;
};

}  // namespace dynamirror::jobs
