// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/transport.hpp"
#include "support/faults.hpp"
#include "support/request_check.hpp"
#include "support/service.hpp"

namespace dynamirror::support {

/// A scripted DynamoDB with Streams on 127.0.0.1, stricter than the real one: it verifies signatures by itself, refuses
/// unknown members and headers, has streams of many shards, and misbehaves on request. What no correct client does is
/// kept in `complaints()`, so that a test sees it even where retries hid it.
///
/// Thread-safe: serves on a thread of its own; every member may be called from the test's thread at any time.
class DynamoDbStandin {
 public:
  struct Options {
    Service::Options service{};
    RequestCheck::Options check{};  ///< its region is overwritten by the service's
    std::vector<Identity> identities{Identity{}};
    std::uint16_t port = 0;
  };

  DynamoDbStandin();
  explicit DynamoDbStandin(Options options);
  ~DynamoDbStandin();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] http::Endpoint endpoint() const;
  /// "http://127.0.0.1:PORT/table": a table as the command line takes it.
  [[nodiscard]] std::string address_of(std::string_view table) const;

  // --- tables: keys and items are wire JSON in any spelling ---
  void add_table(TableSpec spec);
  void remove_table(const std::string& table);                ///< with its streams; one of the same name may be added
  void put(const std::string& table, std::string_view item);  ///< as a user of the table would; REQUIRES: valid
  void remove(const std::string& table, std::string_view key, bool by_ttl = false);
  [[nodiscard]] std::map<std::string, std::string> snapshot(const std::string& table) const;  ///< canonical key -> item
  [[nodiscard]] std::vector<AppliedWrite> writes(const std::string& table) const;
  [[nodiscard]] std::vector<AppliedWrite> writes_of(const std::string& table, std::string_view key) const;
  [[nodiscard]] std::string canonical_key(const std::string& table, std::string_view key) const;

  // --- the latest stream of a table; REQUIRES (each): it exists, and the shard is open where one is named ---
  [[nodiscard]] std::string stream_arn(const std::string& table) const;
  struct ShardInfo {
    std::string id;
    std::optional<std::string> parent;
    bool open = true;
    std::size_t records = 0;    ///< that can be read
    std::uint64_t trimmed = 0;  ///< that can no longer be read
  };
  [[nodiscard]] std::vector<ShardInfo> shards(const std::string& table) const;
  [[nodiscard]] std::vector<std::string> open_shards(const std::string& table) const;
  [[nodiscard]] std::string shard_of(const std::string& table, std::string_view key) const;
  std::vector<std::string> split_shard(const std::string& table, const std::string& shard_id);
  std::string roll_shard(const std::string& table, const std::string& shard_id);
  void split_all_shards(const std::string& table);  ///< one more generation, twice as many
  void roll_all_shards(const std::string& table);   ///< one more generation, as many
  void trim_shard(const std::string& table, const std::string& shard_id, std::size_t keep);
  void age_stream(const std::string& table, Duration by);
  void disable_stream(const std::string& table);
  void enable_stream(const std::string& table, const std::string& view_type = "NEW_AND_OLD_IMAGES");
  void expire_iterators();
  /// Changes listing behaviour, page sizes and so on while running.
  void configure(const std::function<void(Service::Options&)>& change);

  // --- faults ---
  void set_fault_policy(FaultPlan::Policy policy);
  void fail_next(FaultPlan::Script script);
  void clear_faults();
  void throttle_key(const std::string& table, std::string_view key, int times);
  void refuse_key(const std::string& table, std::string_view key, bool refused = true);
  void set_write_limit(const std::string& table, double units_per_second);  ///< 0: none
  void set_clock_offset(std::chrono::seconds offset);  ///< the server's clock against the machine's
  void add_identity(Identity identity);
  void expire_identity(const std::string& access_key_id);
  void drop_connections();
  void go_away();  ///< refuses connections until `come_back`
  void come_back();

  // --- what happened ---
  struct Statistics {
    std::map<std::string, std::uint64_t> requests{};  ///< by operation, all that were readable
    std::map<std::string, std::uint64_t> errors{};    ///< answers other than 200, by type
    std::map<FaultKind, std::uint64_t> faults{};
    std::uint64_t connections = 0;
    std::uint64_t overlapping_writes = 0;  ///< a key written while an earlier write of it was still unanswered
    double write_units = 0;                ///< consumed by applied writes
  };
  [[nodiscard]] Statistics statistics() const;
  /// What no correct client sends: bad signatures, unknown members, duplicates in a batch … Empty in a good run.
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
