// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordination/lease_store.hpp"
#include "coordination/lease_table.hpp"
#include "coordination/node_lease_row.hpp"
#include "coordination/node_lease_rules.hpp"
#include "json/reader.hpp"
#include "model/shard.hpp"

namespace dynamirror::coordination {

/// Leases in the table of the Kinesis client library for Node.js (see node_lease_row.hpp), which its workers may use at
/// the same time. Its leases are those of `kNodeWorker`. One is taken when its counter has stood still for the
/// fail-over time while we looked on, whatever the clocks show (LeaseWorker), and it has expired by our clock and the
/// margin.
///
/// The table knows no lineage of shards: `lineage` tells it. A lease is not handed over, as the library neither asks
/// nor answers: kStartHandOver is always a conflict, and a LeaseWorker is to be told (`hands_over`) not to ask.
/// REQUIRES of a LeaseWorker on it: a fail-over time of at most kNodeFailover, and no steals.
/// Not thread-safe: one event loop; calls may overlap.
class NodeLeaseStore final : public LeaseStore {
 public:
  struct Options {
    LeaseTable::Options table;
    std::string start = "TRIM_HORIZON";  ///< or LATEST: the checkpoint of a lease that the library has not checkpointed
    /// All shards of the stream; asked when a lease's shard is none of those known. Without it shards have no parents.
    std::function<async::Task<Result<std::vector<model::Shard>>>()> lineage{};
  };

  /// REQUIRES: client, clock and random outlive the store.
  NodeLeaseStore(aws::DynamoDbClient& client, Options options, const Clock& clock, Random& random)
      : table_(client, options.table, clock, random), options_(std::move(options)), clock_(clock) {}

  struct PrepareOptions {
    bool create = false;  ///< make the table when there is none
    /// Of a table that is made, units per second; nothing: it is paid per request.
    std::optional<aws::Throughput> throughput{};
    aws::WaitOptions wait{};
  };
  /// Finds or makes the table and waits until it can be used; before any other call.
  /// Errors: class not found when there is none and none may be made; class invalid for a table of another key.
  [[nodiscard]] async::Task<Result<LeaseTable::Prepared>> prepare(PrepareOptions options);

  [[nodiscard]] async::Task<Result<LeaseRows>> scan(LeaseShare share) override;
  [[nodiscard]] async::Task<Result<std::optional<Lease>>> get(std::string key) override;
  [[nodiscard]] async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) override;

  [[nodiscard]] std::string describe() const override { return table_.describe(); }
  [[nodiscard]] Statistics statistics() const override { return table_.statistics(); }

  /// Tells the library's workers, which even out their loads, how many shards are read here. `id` as theirs:
  /// "host@pid@milliseconds"; `worker`: our own name. Not for long: to be repeated every `kNodeLeaseTime` / 3.
  [[nodiscard]] async::Task<Status> report(std::string id, std::string worker, std::size_t consumers);
  /// Takes that back.
  [[nodiscard]] async::Task<Status> sign_off(std::string id);

 private:
  struct Kin {
    std::vector<std::string> parents{};
    std::vector<std::string> children{};
  };

  [[nodiscard]] async::Task<Status> learn_kin(std::vector<std::string> shards);
  void learn(const std::vector<model::Shard>& shards);
  void add_kin(Lease& lease) const;
  [[nodiscard]] async::Task<Result<std::optional<NodeLeaseRow>>> read(std::string key);
  [[nodiscard]] async::Task<Result<bool>> may_write(const LeaseWrite& write);
  void remember(const LeaseWrite& write);

  LeaseTable table_;
  const Options options_;
  const Clock& clock_;
  json::Reader reader_;                                 ///< rows are read without suspension, so one serves all calls
  std::unordered_map<std::string, NodeLeaseRow> rows_;  ///< as last read
  std::map<std::string, Kin, std::less<>> kin_;         ///< of all shards that a lease or a listing has named
  bool node_lives_ = false;                             ///< workers of the library do, by the last scan
};

}  // namespace dynamirror::coordination
