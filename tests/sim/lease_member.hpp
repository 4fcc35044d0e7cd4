// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "coordination/lease_observations.hpp"
#include "coordination/lease_worker.hpp"
#include "sim/lease_work.hpp"
#include "sim/lease_world.hpp"

namespace dynamirror::sim {

/// What an eventually consistent scan of so many rows of about 300 bytes costs: half a unit for 4 KB, at least that for
/// each page of 1 MB.
[[nodiscard]] double scan_units(std::size_t rows);

/// A process that takes part: it may be paused, killed, or asked to stop.
class LeaseProcess {
 public:
  LeaseProcess(LeaseWorld& world, std::string id, SkewedClock clock)
      : world_(world), clock_(clock), id_(std::move(id)) {}
  virtual ~LeaseProcess() = default;
  LeaseProcess(const LeaseProcess&) = delete;
  LeaseProcess& operator=(const LeaseProcess&) = delete;

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] bool stopping() const { return stopping_; }

  /// Executes nothing until then; what it has sent lands.
  void pause(Duration until) { paused_until_ = std::max(paused_until_, until); }
  void set_clock(Duration by) { clock_.jump += by; }
  virtual void kill() = 0;
  virtual void stop() = 0;

 protected:
  [[nodiscard]] SteadyTime local() const { return clock_.local(world_.agenda.now()); }

  /// Calls when the process runs; not after its death.
  void deliver(std::function<void()> what) {
    if (!alive_) return;
    if (world_.agenda.now() < paused_until_) {
      world_.agenda.at(paused_until_, [this, what = std::move(what)] { deliver(what); });
      return;
    }
    what();
  }

  LeaseWorld& world_;
  SkewedClock clock_;
  std::string id_;
  bool alive_ = true;
  bool stopping_ = false;
  Duration paused_until_{};
};

/// A worker of ours: the driver of a LeaseWorker, and the work.
class LeaseMember final : public LeaseProcess {
 public:
  LeaseMember(LeaseWorld& world, std::string id, SkewedClock clock, std::uint64_t seed, bool cleans_up);

  void kill() override;
  void stop() override;

  [[nodiscard]] const coordination::LeaseWorker& worker() const { return worker_; }
  [[nodiscard]] std::uint64_t scans() const { return scans_; }
  [[nodiscard]] std::uint64_t gets() const { return gets_; }
  /// As DynamoDB would charge for rows of about 300 bytes.
  [[nodiscard]] double read_units() const { return read_units_; }

 private:
  using Worker = coordination::LeaseWorker;
  using Rows = std::map<std::string, coordination::Lease>;

  void wake_at(Duration when);
  void pump();
  [[nodiscard]] bool pump_work();
  void start(const Worker::Job& job);
  void start_read(const Worker::Job& job);
  void read(const Worker::Job& job);
  void start_write(std::uint64_t id, const coordination::LeaseWrite& write, SteadyTime not_after);
  void answer_write(Duration when, std::uint64_t id, const coordination::LeaseWrite& write, SteadyTime begun,
                    SteadyTime not_after, Worker::Answer answer);
  void handle(const Worker::Event& event);
  void begin(const coordination::Lease& lease);
  void synchronise();
  void clean_up();
  void need(std::size_t shard, std::vector<coordination::LeaseWrite>& writes) const;
  [[nodiscard]] bool may_finish(std::size_t shard) const;
  void finish(const std::string& key, std::size_t shard);
  [[nodiscard]] Duration permitted_until(const std::string& key) const;

  Random random_;
  Worker worker_;
  bool cleans_up_;
  std::map<std::string, std::shared_ptr<ShardWork>> works_;
  Rows rows_;  ///< as last read
  std::map<std::string, Duration> done_since_;
  Duration wake_ = Duration::max();
  std::uint64_t scans_ = 0;
  std::uint64_t gets_ = 0;
  double read_units_ = 0;
};

}  // namespace dynamirror::sim
