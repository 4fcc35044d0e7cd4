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
/// and then, and leaves to a ShardLedger what follows from it. The store is written on the event loop's disk thread,
/// one save after another.
class LocalShards final : public ShardKeeper {
 public:
  struct Parts {
    const source::ChangeStream& stream;
    state::CheckpointStore& store;  ///< nobody else uses it between `start` and the end of `close`
    const Clock& clock;
    Random& random;
  };
  /// REQUIRES: what is referred to outlives the keeper.
  LocalShards(const Parts& parts, const ReplicateOptions& options, boost::asio::any_io_executor executor);

  [[nodiscard]] JobResult<void> restore() override { return ledger_.restore(store_); }
  void start(Reading& reading, async::TaskGroup& finding) override;
  void save(std::span<const SafeShard> shards) override;
  void keep_time(std::span<const ReadUntil> shards) override;
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
  [[nodiscard]] async::Task<> keep_saving();
  [[nodiscard]] async::Task<Status> save_all();
  void start_readable();
  void fail(Reason reason, Error error);

  const source::ChangeStream& stream_;
  state::CheckpointStore& store_;
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
  async::Signal to_save_;             ///< something is
  async::Signal saved_;               ///< a save has ended
  Status last_save_;
  async::TaskGroup saving_;  ///< apart from `finding`: a save that was begun is always seen to its end
};

}  // namespace dynamirror::jobs
