// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "async/task_group.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_ledger.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::jobs {

/// The segments of one share, all of them this process's, with their positions in a store of its own: a SegmentLedger,
/// saved as often as the options say, and at each segment's end, on the event loop's disk thread.
class LocalSegments final : public SegmentKeeper {
 public:
  struct Options {
    ScanPlan plan;
    std::chrono::milliseconds save_interval{1'000};
  };

  /// REQUIRES: the store outlives this, and nobody else uses it between `start` and the end of `close`.
  LocalSegments(state::ScanStore& store, Options options, boost::asio::any_io_executor executor);

  /// Errors: kState for a store that cannot be used, or that holds another scan.
  [[nodiscard]] JobResult<void> restore(WallTime now) override { return ledger_.restore(store_, now); }
  void start(Work& work) override;
  void checkpoint(const source::SegmentPosition& safe) override { ledger_.checkpoint(safe); }
  void finish(std::uint32_t segment) override;
  void give_back(std::uint32_t segment) override;
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t segment) const override {
    return ledger_.write_until(segment);
  }
  void stop() override { ledger_.stop(); }
  [[nodiscard]] bool holds_any() const override { return ledger_.holds_any(); }
  [[nodiscard]] async::Signal& changed() override { return changed_; }
  [[nodiscard]] async::Task<Status> close() override;
  [[nodiscard]] bool complete() const override { return ledger_.complete(); }
  [[nodiscard]] std::uint32_t done() const override { return ledger_.done(); }
  [[nodiscard]] bool resumed() const override { return ledger_.resumed(); }
  [[nodiscard]] std::string_view after_stop() const override { return "the same command goes on from here"; }

 private:
  [[nodiscard]] async::Task<> keep_saving();

  state::ScanStore& store_;
  SegmentLedger ledger_;
  std::chrono::milliseconds save_interval_;
  Work* work_ = nullptr;  ///< from `start` on
  async::Signal changed_;
  async::Signal save_now_;
  async::Signal saved_;  ///< a save has ended
  Status last_save_;
  bool closing_ = false;
  async::TaskGroup saving_;
};

}  // namespace dynamirror::jobs
