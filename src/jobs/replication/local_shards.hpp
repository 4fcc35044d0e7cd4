// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "base/random.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "pipeline/liveness.hpp"
#include "source/shard_lister.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::jobs {

/// All shards of a stream, read by this process alone, with its checkpoints in a store of its own.
class LocalShards final : public ShardKeeper {
 public:
  /// REQUIRES: what is referred to outlives the keeper.
  LocalShards(const source::ChangeStream& stream, coordination::CheckpointStore& store, const Clock& clock,
              Random& random, const ReplicateOptions& options);

  [[nodiscard]] JobResult<void> restore() override;
  void start(Reading& reading, async::TaskGroup& finding) override;
  [[nodiscard]] Status save(std::span<const SafeShard> shards) override;
  [[nodiscard]] Status keep_time(std::span<const ReadUntil> shards) override;
  [[nodiscard]] async::Task<Status> retire(ShardId shard, source::ChangeStream::Loss lost) override;
  void given_back(const ShardId&, const std::optional<model::SequenceNumber>&) override {}
  [[nodiscard]] async::Task<Status> close(std::span<const SafeShard> shards, std::span<const ShardId>) override;
  [[nodiscard]] bool promised(const ShardId& shard, const model::Checkpoint& reached) const override;
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId&) const override { return kNoDeadline; }
  [[nodiscard]] bool shares() const override { return false; }
  [[nodiscard]] async::Task<bool> refresh() override;
  [[nodiscard]] bool all_started(std::size_t being_read) const override;
  [[nodiscard]] std::size_t waiting(std::size_t being_read) const override;
  [[nodiscard]] const std::string& last_trouble() const override { return lister_.last_trouble(); }
  [[nodiscard]] std::optional<Error> stalled(SteadyTime now, Duration limit) override;

 private:
  [[nodiscard]] JobResult<void> check_replaced_streams();
  [[nodiscard]] JobResult<void> check_time_away(std::span<const model::ShardCheckpoint> rows);
  using ReadingShards = std::unordered_map<ShardId, const ReadUntil*>;
  [[nodiscard]] WallTime begins_after(const ShardId& waiting, const ReadingShards& reading) const;
  [[nodiscard]] Status save_time();
  [[nodiscard]] async::Task<> discover();
  [[nodiscard]] Status save_rows(std::vector<model::ShardCheckpoint> rows);
  [[nodiscard]] bool record_new_shards();
  [[nodiscard]] bool forget_replaced_streams();
  void forget_old_shards();
  void start_readable();
  void fail(ExitCode exit_code, Error error);

  const source::ChangeStream& stream_;
  coordination::CheckpointStore& store_;
  const Clock& clock_;
  Random& random_;
  const ReplicateOptions& options_;
  ordering::ShardGraph::InitialPosition start_;
  Reading* reading_ = nullptr;  ///< from `start` on
  bool failed_ = false;
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
  source::ShardLister lister_;
  bool listed_completely_ = false;
  bool roots_known_ = false;  ///< where reading starts has been decided: shards found from now on are new
  bool stream_enabled_ = true;
  Liveness listing_;
  bool listing_rests_ = false;        ///< until the next one is due
  async::Semaphore listing_turn_{1};  ///< two want to list, and the lister does one pass at a time
  async::Signal list_now_;            ///< a shard has ended: its children are wanted
};

}  // namespace dynamirror::jobs
