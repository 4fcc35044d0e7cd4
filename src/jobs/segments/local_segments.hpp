// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::jobs {

/// Which job a scan is of, and how the table is cut for it.
struct ScanPlan {
  std::string purpose = "copy";   ///< under which the scan is remembered
  std::string phase = "loading";  ///< with which it is remembered
  TableName table{};              ///< for messages
  std::uint32_t share = 0;
  std::uint32_t shares = 1;
  std::uint32_t split = 1;
};

/// What a store is to remember before the first page is read.
[[nodiscard]] state::ScanJob fresh_scan(const ScanPlan& plan, WallTime now);

/// Errors: class conflict when the scan that a store remembers is another job's, or was cut otherwise, so that its
/// positions mean nothing to this one.
[[nodiscard]] Status check_same_scan(const state::ScanJob& remembered, const ScanPlan& plan);

/// The segments of one share, all of them this process's, with their positions in a store of its own. They are all
/// begun at once, each where the store remembers it.
class LocalSegments final : public SegmentKeeper {
 public:
  struct Options {
    ScanPlan plan;
    std::chrono::milliseconds save_interval{1'000};
  };

  /// REQUIRES: the store outlives this.
  LocalSegments(state::ScanStore& store, Options options, boost::asio::any_io_executor executor);

  /// Errors: kState for a store that cannot be used, or that holds another scan.
  [[nodiscard]] JobResult<void> restore(WallTime now) override;
  void start(Work& work) override;
  void checkpoint(const source::SegmentPosition& safe) override;
  void finish(std::uint32_t segment) override;
  void give_back(std::uint32_t segment) override;
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t) const override { return kNoDeadline; }
  void stop() override;
  [[nodiscard]] bool holds_any() const override { return !held_.empty(); }
  [[nodiscard]] async::Signal& changed() override { return changed_; }
  [[nodiscard]] async::Task<Status> close() override;
  [[nodiscard]] bool complete() const override { return done_ == options_.plan.split; }
  [[nodiscard]] std::uint32_t done() const override { return done_; }
  [[nodiscard]] bool resumed() const override { return resumed_; }
  [[nodiscard]] std::string_view after_stop() const override { return "the same command goes on from here"; }

 private:
  [[nodiscard]] async::Task<> keep_saving();
  [[nodiscard]] Status save();

  state::ScanStore& store_;
  Options options_;
  Work* work_ = nullptr;  ///< from `start` on
  std::vector<source::SegmentPosition> from_;
  std::map<std::uint32_t, state::ScanSegment> unsaved_;
  std::set<std::uint32_t> held_;  ///< begun, and neither finished nor given back
  std::uint32_t done_ = 0;
  bool resumed_ = false;
  async::Signal changed_;
  async::TaskGroup saving_;
};

}  // namespace dynamirror::jobs
