// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/lease_member.hpp"
#include "sim/lease_world.hpp"

namespace dynamirror::sim {

/// What the table of the library for Node.js holds beside what a lease is for us.
struct NodeTable {
  struct Cluster {
    std::size_t consumers = 0;
    WallTime expires_at{};
    bool ours = false;
  };
  std::map<std::string, WallTime> expires_at;  ///< of leases
  std::map<std::string, Cluster> clusters;

  /// A write of ours, as the store makes it.
  bool write(LeaseWorld& world, coordination::LeaseWrite write, WallTime now);
};

/// A cluster of the library, written from its protocol: it looks at the table every 5 s, tells every second how many
/// shards it reads, starts a process for the first shard that is free (without a condition where there was no lease),
/// ends one when another cluster has two less. A process renews its lease every 5 s for 15 s, and ends when a write
/// fails. It knows no parents.
class NodeMember final : public LeaseProcess {
 public:
  NodeMember(LeaseWorld& world, NodeTable& table, std::string id, SkewedClock clock);

  void kill() override;
  void stop() override { kill(); }  // leases expire

  [[nodiscard]] std::size_t consumers() const { return consumers_.size(); }
  [[nodiscard]] bool reads(const std::string& shard) const { return consumers_.contains(shard); }
  [[nodiscard]] std::uint64_t reservations() const { return reservations_; }

 private:
  using Lease = coordination::Lease;

  struct Consumer {
    std::uint64_t number = 0;
    std::optional<std::uint64_t> counter;  ///< expected; nothing: none
    std::string checkpoint{};              ///< durable
    std::shared_ptr<ShardWork> work{};
    bool busy = false;  ///< a write is under way
    Duration reserved{};
  };

  [[nodiscard]] WallTime wall() const { return world_.wall_clock(clock_.wall); }
  void every(Duration interval, void (NodeMember::*what)());
  void report();
  void look();
  [[nodiscard]] std::optional<std::size_t> least_of_others() const;
  void start_one();
  void spawn(const std::string& shard, std::optional<std::uint64_t> counter);
  void work();
  void update(const std::string& shard, std::string checkpoint);
  [[nodiscard]] bool apply(const std::string& shard, const Consumer& as_sent, const std::string& checkpoint,
                           WallTime expires_at);
  void updated(const std::string& shard, std::uint64_t number, bool landed, const std::string& checkpoint);

  NodeTable& table_;
  std::map<std::string, Consumer> consumers_;  ///< by shard
  std::uint64_t last_number_ = 0;
  std::uint64_t reservations_ = 0;
};

}  // namespace dynamirror::sim
