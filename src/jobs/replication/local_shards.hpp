// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "base/random.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "jobs/replication/shard_ledger.hpp"
#include "pipeline/liveness.hpp"
#include "source/shard_lister.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::jobs {

/// All shards of a stream, read by this process alone, with its checkpoints in a store of its own: lists the shards now
/// and then, and leaves to a ShardLedger what follows from it.
class LocalShards final : public ShardKeeper {
 public:
  /// REQUIRES: what is referred to outlives the keeper.
  LocalShards(const source::ChangeStream& stream, state::CheckpointStore& store, const Clock& clock, Random& random,
              const ReplicateOptions& options);

  [[nodiscard]] JobResult<void> restore() override { return ledger_.restore(); }
  void start(Reading& reading, async::TaskGroup& finding) override;
  [[nodiscard]] Status save(std::span<const SafeShard> shards) override { return ledger_.save(shards); }
  [[nodiscard]] Status keep_time(std::span<const ReadUntil> shards) override { return ledger_.keep_time(shards); }
  [[nodiscard]] async::Task<Status> retire(ShardId shard, source::ChangeStream::Loss lost) override;
  void given_back(const ShardId&, const std::optional<model::SequenceNumber>&) override {}
  [[nodiscard]] async::Task<Status> close(std::span<const SafeShard> shards, std::span<const ShardId>) override;
  [[nodiscard]] bool promised(const ShardId& shard, const model::Checkpoint& reached) const override {
    return ledger_.promised(shard, reached);
  }
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId&) const override { return kNoDeadline; }
  [[nodiscard]] bool shares() const override { return false; }
  [[nodiscard]] async::Task<bool> refresh() override;
  [[nodiscard]] bool all_started(std::size_t being_read) const override { return ledger_.all_started(being_read); }
  [[nodiscard]] std::size_t waiting(std::size_t being_read) const override { return ledger_.waiting(being_read); }
  [[nodiscard]] const std::string& last_trouble() const override { return lister_.last_trouble(); }
  [[nodiscard]] std::optional<Error> stalled(SteadyTime now, Duration limit) override;

 private:
  [[nodiscard]] async::Task<> discover();
  void start_readable();
  void fail(Reason reason, Error error);

  const source::ChangeStream& stream_;
  const Clock& clock_;
  Random& random_;
  const ReplicateOptions& options_;
  Reading* reading_ = nullptr;  ///< from `start` on
  bool failed_ = false;
  ShardLedger ledger_;
  source::ShardLister lister_;
  Liveness listing_;
  bool listing_rests_ = false;        ///< until the next one is due
  async::Semaphore listing_turn_{1};  ///< two want to list, and the lister does one pass at a time
  async::Signal list_now_;            ///< a shard has ended: its children are wanted
};

}  // namespace dynamirror::jobs
