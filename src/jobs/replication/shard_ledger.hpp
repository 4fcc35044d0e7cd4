// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "model/checkpoint.hpp"
#include "model/shard.hpp"
#include "ordering/shard_graph.hpp"
#include "pipeline/job_failure.hpp"
#include "source/change_stream.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::jobs {

/// Which shards of a stream a process that reads it alone is to read, and from where, in step with what its store has
/// made durable: rows before reading begins, the end of a shard before its children begin, a time from which on nothing
/// can have been missed.
///
/// Never waits: `LocalShards` is the coroutine around it that lists; the simulation runs it as it is. Not thread-safe.
class ShardLedger {
 public:
  struct Stream {
    StreamArn arn;
    std::chrono::hours retention;
    model::Checkpoint beginning = model::TrimHorizon{};  ///< of the shards that a fresh start finds
  };
  struct Options {
    ordering::ShardGraph::InitialPosition start = ordering::ShardGraph::InitialPosition::kTrimHorizon;
    ReplicateOptions::OnTrim on_trim = ReplicateOptions::OnTrim::kStop;
  };

  /// REQUIRES: store and clock outlive the ledger.
  ShardLedger(Stream stream, state::CheckpointStore& store, const Clock& clock, Options options);

  /// Reads what is remembered. Called once, before all else.
  [[nodiscard]] JobResult<void> restore();

  /// A listing is about to begin, or to go on.
  void listing_begins();
  /// What it showed: all shards there are, with those of the partial ones before it, when `complete`. New shards are
  /// durable when this returns. `enabled`: false when the stream was turned off.
  [[nodiscard]] Status listed(std::span<const model::Shard> shards, bool complete, bool enabled);
  [[nodiscard]] bool wants_listing() const { return graph_->wants_listing(); }

  /// Shards that may be read from now on; each is given out once.
  [[nodiscard]] std::vector<ordering::ShardGraph::Readable> take_readable();

  /// Each of these is safe up to a record. Durable when this returns.
  [[nodiscard]] Status save(std::span<const SafeShard> shards);
  /// The shards that are being read. Makes durable, now and then, until when the stream has been read.
  [[nodiscard]] Status keep_time(std::span<const ReadUntil> shards);
  /// A shard has been read to its end, or to where it was lost, and everything read of it is safe. Durable when this
  /// returns; what waited for it is readable.
  [[nodiscard]] Status retire(const ShardId& shard, source::ChangeStream::Loss lost);
  /// Nothing is being read or written any more.
  [[nodiscard]] Status close(std::span<const SafeShard> shards);

  /// See ShardRights.
  [[nodiscard]] bool promised(const ShardId& shard, const model::Checkpoint& reached) const;
  /// See ShardKeeper.
  [[nodiscard]] bool all_started(std::size_t being_read) const;
  [[nodiscard]] std::size_t waiting(std::size_t being_read) const;
  /// The stream was turned off, and all that it held has been read.
  [[nodiscard]] bool over() const { return !stream_enabled_ && graph_->unfinished() == 0; }
  [[nodiscard]] const ordering::ShardGraph& graph() const { return *graph_; }

 private:
  using ReadingShards = std::unordered_map<ShardId, const ReadUntil*>;

  [[nodiscard]] JobResult<void> check_replaced_streams();
  [[nodiscard]] JobResult<void> check_time_away(std::span<const model::ShardCheckpoint> rows);
  [[nodiscard]] WallTime begins_after(const ShardId& waiting, const ReadingShards& reading) const;
  /// Where a shard begins of which nothing was read.
  [[nodiscard]] model::Checkpoint settled(const ShardId& shard, model::Checkpoint from) const;
  [[nodiscard]] Status save_time();
  [[nodiscard]] Status record_new_shards();
  [[nodiscard]] Status forget_replaced_streams();
  [[nodiscard]] Status forget_old_shards();

  Stream stream_;
  state::CheckpointStore& store_;
  const Clock& clock_;
  Options options_;
  std::optional<ordering::ShardGraph> graph_;                     ///< made by `restore`
  bool fresh_start_ = false;                                      ///< the store knew nothing of this stream
  std::vector<StreamArn> replaced_streams_;                       ///< by this one; their rows go once this one has some
  std::unordered_map<ShardId, std::vector<ShardId>> parents_of_;  ///< of every shard with a durable row
  std::unordered_set<ShardId> first_shards_;  ///< found on a fresh start, before anything was promised of them
  /// Shards whose rows name no record, and until when they held none: what came after is lost a day later.
  std::unordered_map<ShardId, WallTime> read_until_;
  std::optional<WallTime> saved_time_;    ///< the durable time of all that was read
  WallTime listed_at_;                    ///< no unknown shard is older
  std::optional<WallTime> listing_from_;  ///< when the pass that is under way began
  bool listed_completely_ = false;
  bool roots_known_ = false;  ///< where reading starts has been decided: shards found from now on are new
  bool stream_enabled_ = true;
};

}  // namespace dynamirror::jobs
