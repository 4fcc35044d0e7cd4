// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dynamodb/client.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "model/key.hpp"
#include "multimaster/record.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::sink {

/// Looks after the changes of a table that is written on several sides, its home, and brings what was written in it to
/// one other, the peer: gives each local write its version in the home table, and lets the newer version win in the
/// peer. What is decided is multimaster::KeyWork's; this class does its reads and conditional writes.
///
/// - A local write costs a consistent read of its item and of its tombstone and an update in each table; a deletion two
///   small writes more in the peer. A change that has been looked after costs the reads.
/// - A change of the peer's that has no version yet is waited for, key by key: its own replication gives it one. After
///   `kLongWait` that is trouble, and said.
/// - Every conflict has a row in the companion table of the table where it was decided, before it is decided.
/// - A change that is older than tombstones are kept ends the job: what it would write may have been deleted.
/// - Errors, budgets and `not_after` as for TableSink. Not thread-safe: lives on one event loop; several `write`s may
/// be
///   under way at once.
class VersionedTables final : public ChangeSink {
 public:
  static constexpr std::chrono::seconds kLongWait{60};

  /// One of the two tables.
  struct Side {
    TableName table;
    TableName companion;
    std::string origin;       ///< its name in versions
    std::string description;  ///< for messages, e.g. "eu-west-1/Orders"
  };
  struct Options {
    Side home;
    Side peer;
    model::KeySchema key;  ///< of both
    multimaster::Topology topology = multimaster::Topology::kMesh;
    std::chrono::hours tombstones_kept{7 * 24};
    /// The changes are items of a scan of the home table: each is given a version of this rank if it has none, and
    /// brought to the peer.
    std::optional<std::int64_t> adopt_rank{};
    std::optional<double> max_write_units{};  ///< per second, of each table
    std::optional<double> max_read_units{};   ///< likewise
  };
  /// All outlive the sink.
  struct Parts {
    aws::DynamoDbClient& home;
    aws::DynamoDbClient& peer;
    const Clock& clock;
    Random& random;
    /// With `adopt_rank`: who looks after the table's changes. A key that waits there may have been written since.
    const VersionedTables* changes = nullptr;
  };
  struct Statistics {
    std::uint64_t stamped = 0;  ///< local writes that were given their version here
    std::uint64_t sent = 0;     ///< states brought to the peer, whether it took them or had a newer one
    std::uint64_t waited = 0;   ///< times that a change had to wait for a version
    std::size_t waiting = 0;    ///< keys that wait at this moment

    std::uint64_t conditions = 0;                           ///< writes whose condition did not hold
    std::map<std::string_view, std::uint64_t> conflicts{};  ///< by multimaster::kind_of
    double read_units = 0;                                  ///< of all four tables
    double write_units = 0;
  };

  VersionedTables(Options options, Parts parts);
  ~VersionedTables() override;

  [[nodiscard]] Limits limits() const override { return {.max_changes = 1, .max_bytes = 16u << 20}; }
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] Statistics statistics() const;
  /// A change of this key has its version in the home table, and waits for the peer.
  [[nodiscard]] bool waits(std::string_view key) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::sink
