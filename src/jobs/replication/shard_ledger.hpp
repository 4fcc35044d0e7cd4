// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
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
/// Never waits, and does not write itself: what is said to it gathers, newer rows in place of older ones, until
/// `begin_save` gives it out as one Save, the only one under way; what follows from it follows at `save_ended`.
/// `LocalShards` is the coroutines around it that list and save; the simulation runs it as it is. Not thread-safe.
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

  /// REQUIRES: clock outlives the ledger.
  ShardLedger(Stream stream, const Clock& clock, Options options);

  /// Reads what is remembered. Called once, before all else.
  [[nodiscard]] JobResult<void> restore(state::CheckpointStore& store);

  /// A listing is about to begin, or to go on.
  void listing_begins();
  /// What it showed: all shards there are, with those of the partial ones before it, when `complete`. `enabled`: false
  /// when the stream was turned off.
  void listed(std::span<const model::Shard> shards, bool complete, bool enabled);
  [[nodiscard]] bool wants_listing() const { return graph_->wants_listing(); }

  using Readable = ordering::ShardGraph::Readable;
  /// Shards that may be read from now on, their rows being durable; each is given out once.
  [[nodiscard]] std::vector<Readable> take_readable();

  /// Each of these is safe up to a record. REQUIRES: none of them is `retiring`.
  void save(std::span<const SafeShard> shards);
  /// The shards that are being read: until when the stream has been read, to be saved now and then.
  void keep_time(std::span<const ReadUntil> shards);
  /// A shard has been read to its end, or to where it was lost, and everything read of it is safe. What waits for it is
  /// readable once that is durable: when `retiring` is over.
  void retire(const ShardId& shard, source::ChangeStream::Loss lost);
  [[nodiscard]] bool retiring(const ShardId& shard) const;
  /// Nothing is being read or written any more, and all that was said is durable.
  void close();

  // ---- what is to be made durable

  struct Row {
    model::ShardCheckpoint row;
    bool is_new = false;                               ///< the shard was not known before
    std::optional<source::ChangeStream::Loss> over{};  ///< it was retired
  };
  /// In the order of the members, each of them all or none.
  struct Save {
    StreamArn stream;
    std::optional<WallTime> read_until{};
    std::map<ShardId, Row> rows{};
    std::vector<StreamArn> replaced{};  ///< by this stream; their rows go once this one has some
    std::vector<ShardId> forgotten{};
    [[nodiscard]] bool empty() const { return !read_until && rows.empty() && replaced.empty() && forgotten.empty(); }
  };
  /// What waits to be saved; null when nothing does, or a save is under way.
  [[nodiscard]] std::shared_ptr<const Save> begin_save();
  /// The save that was begun is durable, all of it; or it is not known to be, and waits again.
  void save_ended(bool durable);
  [[nodiscard]] bool all_saved() const { return under_way_ == nullptr && waiting_.empty(); }
  /// Does what a save says. On any thread.
  [[nodiscard]] static Status carry_out(const Save& save, state::CheckpointStore& store);

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

  [[nodiscard]] JobResult<void> check_replaced_streams(state::CheckpointStore& store);
  [[nodiscard]] JobResult<void> check_time_away(std::span<const model::ShardCheckpoint> rows,
                                                state::CheckpointStore& store);
  [[nodiscard]] WallTime begins_after(const ShardId& waiting, const ReadingShards& reading) const;
  /// Where a shard begins of which nothing was read.
  [[nodiscard]] model::Checkpoint settled(const ShardId& shard, model::Checkpoint from) const;
  void save_time();
  void record_new_shards();
  void row_is_durable(const Row& row);

  Stream stream_;
  const Clock& clock_;
  Options options_;
  std::optional<ordering::ShardGraph> graph_;                     ///< made by `restore`
  Save waiting_;                                                  ///< to be saved
  std::shared_ptr<const Save> under_way_;                         ///< being saved
  std::vector<Readable> readable_;                                ///< but for their rows
  bool fresh_start_ = false;                                      ///< the store knew nothing of this stream
  std::vector<StreamArn> replaced_streams_;                       ///< until this one's first rows are to be saved
  std::unordered_map<ShardId, std::vector<ShardId>> parents_of_;  ///< of every shard with a row
  std::unordered_set<ShardId> first_shards_;  ///< found on a fresh start, before anything was promised of them
  /// Shards whose rows name no record, and until when they held none: what came after is lost a day later.
  std::unordered_map<ShardId, WallTime> read_until_;
  std::optional<WallTime> saved_time_;    ///< of all that was read: durable, or to be saved
  WallTime listed_at_;                    ///< no unknown shard is older
  std::optional<WallTime> listing_from_;  ///< when the pass that is under way began
  bool listed_completely_ = false;
  bool roots_known_ = false;  ///< where reading starts has been decided: shards found from now on are new
  bool stream_enabled_ = true;
};

}  // namespace dynamirror::jobs
