// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "base/random.hpp"
#include "coordination/lease_runner.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "jobs/replication/shard_sync.hpp"
#include "source/shard_lister.hpp"

namespace dynamirror::jobs {

/// The shards of a stream, shared with other workers through leases: ours, or those of the Kinesis Client Library.
class LeasedShards final : public ShardKeeper {
 public:
  using Parts = coordination::LeaseRunner::Parts;
  struct Options {
    coordination::LeaseWorker::Options worker;
    /// Asked now and then, and with each lease taken in the first minutes, whether the lease table may still be used;
    /// an error ends the job.
    std::function<async::Task<Status>()> check_table{};
    std::chrono::milliseconds check_interval{60'000};
  };

  /// REQUIRES: what is referred to outlives the keeper.
  LeasedShards(const source::ChangeStream& stream, Parts parts, const ReplicateOptions& job, Options options);

  [[nodiscard]] JobResult<void> restore() override { return {}; }
  void start(Reading& reading, async::TaskGroup& finding) override;
  void save(std::span<const SafeShard> shards) override;
  void keep_time(std::span<const ReadUntil>) override {}  // leases have no place for it
  [[nodiscard]] async::Task<Status> retire(ShardId shard, source::ChangeStream::Loss lost) override;
  void given_back(const ShardId& shard, const std::optional<model::SequenceNumber>& safe) override;
  [[nodiscard]] async::Task<Status> close(std::span<const SafeShard> shards,
                                          std::span<const ShardId> still_writing) override;
  [[nodiscard]] bool promised(const ShardId& shard, const model::Checkpoint& reached) const override;
  [[nodiscard]] std::optional<SteadyTime> write_until(const ShardId& shard) const override;
  [[nodiscard]] bool shares() const override { return true; }
  [[nodiscard]] async::Task<bool> refresh() override;
  [[nodiscard]] bool all_started(std::size_t being_read) const override;
  [[nodiscard]] std::size_t waiting(std::size_t being_read) const override;
  [[nodiscard]] const std::string& last_trouble() const override { return lister_.last_trouble(); }
  [[nodiscard]] std::optional<Error> stalled(SteadyTime now, Duration limit) override;

  [[nodiscard]] coordination::LeaseWorker::Statistics statistics() const { return runner_.statistics(); }

 private:
  using Rows = std::vector<coordination::Lease>;

  void take(coordination::LeaseWorker::Event event);
  void begin(const coordination::Lease& lease);
  void learn(Rows rows);
  [[nodiscard]] bool is_early() const;
  [[nodiscard]] bool is_anothers(const coordination::Lease& row) const;
  [[nodiscard]] std::uint64_t grant_of(const std::string& key) const;
  [[nodiscard]] async::Task<> keep_in_step();
  [[nodiscard]] async::Task<> keep_checking();
  [[nodiscard]] async::Task<std::optional<source::ShardLister::Listing>> list();
  [[nodiscard]] async::Task<bool> fits(const source::ShardLister::Listing& listing);
  [[nodiscard]] bool bring_in_step(const source::ShardLister::Listing& listing);
  [[nodiscard]] async::Task<bool> others_caught_up();
  [[nodiscard]] async::Task<std::vector<coordination::Lease>> find_children(ShardId shard);
  void fail(Reason reason, Error error);

  const source::ChangeStream& stream_;
  coordination::LeaseStore& store_;
  const Clock& clock_;
  Random& random_;
  const ReplicateOptions& job_;
  Options options_;
  coordination::LeaseRunner runner_;
  async::TaskGroup keeping_;  ///< the runner
  source::ShardLister lister_;
  async::Semaphore listing_turn_{1};
  ShardSync sync_;
  Reading* reading_ = nullptr;  ///< from `start` on
  Rows rows_;                   ///< the table as last read
  bool rows_are_new_ = false;
  /// Leases of others as we first saw them with their owner: it is not known yet whether that owner lives.
  std::unordered_map<std::string, coordination::Lease> silent_;
  /// Leases of others that have changes after this checkpoint, as far as we know until it moves; empty: to be asked
  /// again once rows are read.
  std::unordered_map<std::string, std::string> behind_;
  async::Signal rows_read_;
  bool check_at_once_ = false;  ///< whether the lease table may still be used
  async::Signal check_due_;
  SteadyTime begun_;
  SteadyTime listed_at_;  ///< when a listing was complete
  bool in_step_ = false;  ///< every shard of the last complete listing has its lease
  bool failed_ = false;
  std::uint64_t last_grant_ = 0;  ///< grants are numbered: a lease that was lost and regained is another one
  std::unordered_map<std::string, std::uint64_t> granted_;  ///< and neither lost nor finished nor given back
  std::unordered_set<ShardId> closed_;                      ///< finished shards that a listing shows open, and are not
  std::unordered_map<std::string, bool> finishing_;         ///< true: it is over, whichever way
  std::unordered_set<ShardId> first_shards_;                ///< whose leases we made when there were none
};

}  // namespace dynamirror::jobs
