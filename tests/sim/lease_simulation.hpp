// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/lease_kcl.hpp"
#include "sim/lease_member.hpp"
#include "sim/lease_world.hpp"

namespace dynamirror::sim {

/// One run: workers that share shards under random faults, then quiet. Everything follows from the seed.
class LeaseSimulation {
 public:
  explicit LeaseSimulation(std::uint64_t seed, LeaseMistake mistake = LeaseMistake::kNone);

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run();

  struct Figures {
    std::size_t workers = 0;
    std::size_t shards = 0;
    std::uint64_t records = 0;
    std::uint64_t writes = 0;
    std::uint64_t owner_changes = 0;
    std::uint64_t kills = 0;
    std::uint64_t pauses = 0;
    std::uint64_t lost = 0;
    std::uint64_t given_away = 0;
    bool with_kcl = false;
    double rest = 0;  ///< fail-over times from the last fault until all was done
  };
  [[nodiscard]] Figures figures() const;

 private:
  struct Plan {
    std::size_t workers = 2;
    std::size_t kcl = 0;
    Duration faulty{};  ///< how long
    double writes = 0;  ///< per step
    double ends = 0;
    double kills = 0;
    double pauses = 0;
    double stops = 0;
    double joins = 0;
    std::size_t max_shards = 40;
    bool cleans_up = false;
    LeaseFaults faults;
  };

  [[nodiscard]] static Plan make_plan(std::uint64_t seed);
  void make_shards();
  void add_worker();
  void add_kcl();
  void fault_step();
  void watch_owners();
  void run_for(double failovers);
  void come_to_rest();
  void check_reads(double failovers);
  void check_loads();
  [[nodiscard]] SkewedClock make_clock();
  [[nodiscard]] LeaseProcess* some_process();
  [[nodiscard]] std::size_t living() const;
  [[nodiscard]] bool all_done();
  [[nodiscard]] bool has_owner(const coordination::Lease& lease) const;
  [[nodiscard]] bool failed() const { return world_.invariants.violation().has_value(); }

  std::uint64_t seed_;
  Plan plan_;
  LeaseWorld world_;
  std::vector<std::unique_ptr<LeaseMember>> members_;
  std::vector<std::unique_ptr<KclMember>> kcl_;
  std::uint64_t names_ = 0;
  bool faulty_ = true;
  bool watching_ = false;
  std::map<std::string, Duration> ownerless_since_;
  Figures figures_;
};

}  // namespace dynamirror::sim
