// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/lease_member.hpp"

namespace dynamirror::sim {

/// A worker of KCL 2.x, in broad strokes: reads all rows every two fail-over times, renews every third of one, steals
/// one lease at a time, knows nothing of hand-overs, and works until a renewal fails. A lease of a finished shard is
/// kept and renewed like any other.
class KclMember final : public LeaseProcess {
 public:
  KclMember(LeaseWorld& world, std::string id, SkewedClock clock);

  void kill() override;
  void stop() override { kill(); }  // leaseOwner stays

 private:
  using Lease = coordination::Lease;

  struct Held {
    std::uint64_t counter = 0;
    SteadyTime renewed{};
    std::vector<std::string> parents;
    std::string checkpoint{};  ///< durable
    std::shared_ptr<ShardWork> work{};
    bool done = false;
    bool busy = false;  ///< a write is under way
  };
  struct Seen {
    std::uint64_t counter = 0;
    SteadyTime moved{};
  };
  enum class Answer { kDone, kConflict, kUnknown };

  void renew_all();
  void renew(const std::string& key, Held& held);
  void renewed(const std::string& key, SteadyTime begun, const std::string& checkpoint, Answer answer);
  void begin_work(const std::string& key, Held& held);
  void take_some();
  void taken_turn(const std::vector<Lease>& rows);
  void take(const Lease& lease);
  void drop(const std::string& key) { held_.erase(key); }
  [[nodiscard]] bool may_finish(std::size_t shard) const;
  void create_children(std::size_t shard);
  void every(Duration interval, void (KclMember::*what)());
  /// Changes a row whose counter is as given.
  void write(const std::string& key, std::uint64_t counter, std::function<void(Lease&)> change,
             std::function<void(Answer)> answered);

  std::map<std::string, Held> held_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace dynamirror::sim
