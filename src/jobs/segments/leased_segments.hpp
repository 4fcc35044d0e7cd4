// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "base/random.hpp"
#include "coordination/lease_runner.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_leases.hpp"

namespace dynamirror::jobs {

/// The segments of a whole-table job, shared with other workers through leases.
class LeasedSegments final : public SegmentKeeper {
 public:
  struct Parts {
    coordination::LeaseStore& store;
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
  };
  struct Options {
    SharedJob job;
    SharedTerms terms;  ///< as `join_shared_job` says
    coordination::LeaseWorker::Options worker;
    std::chrono::milliseconds stall_timeout{300'000};  ///< without an answer of the lease table, though asked
  };

  struct Status {
    std::uint32_t segments = 0;
    std::uint32_t done = 0;           ///< by anyone, as far as is known here
    std::uint32_t finished_here = 0;  ///< in this run
    coordination::LeaseWorker::Statistics leases{};
    [[nodiscard]] bool complete() const { return done == segments; }
  };

  /// REQUIRES: what is referred to outlives this.
  LeasedSegments(Parts parts, Options options);

  [[nodiscard]] JobResult<void> restore(WallTime) override { return {}; }
  void start(Work& work) override;
  void checkpoint(const source::SegmentPosition& safe) override;
  void finish(std::uint32_t segment) override;
  void give_back(std::uint32_t segment) override;
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t segment) const override;
  void stop() override { runner_.stop(); }
  [[nodiscard]] bool holds_any() const override { return runner_.held() > 0; }
  [[nodiscard]] async::Signal& changed() override { return runner_.changed(); }
  /// Renews nothing any more: what is held goes to others when its time is over.
  [[nodiscard]] async::Task<dynamirror::Status> close() override;
  [[nodiscard]] bool complete() const override { return done_.size() == options_.terms.segments; }
  [[nodiscard]] std::uint32_t done() const override { return static_cast<std::uint32_t>(done_.size()); }
  [[nodiscard]] bool resumed() const override { return false; }
  [[nodiscard]] std::string_view after_stop() const override {
    return "other workers go on, and the same command joins them again";
  }
  [[nodiscard]] Status status() const;

 private:
  void take(coordination::LeaseWorker::Event event);
  void begin(const coordination::Lease& lease);
  void take_rows(const coordination::LeaseRows& rows);
  void note_done(std::uint32_t segment);
  [[nodiscard]] async::Task<> watch();
  void fail(Reason reason, Error error);
  [[nodiscard]] std::optional<std::uint32_t> segment_of(const std::string& key) const;

  Parts parts_;
  Options options_;
  SegmentLeases names_;
  std::vector<std::string> keys_;  ///< of each segment
  coordination::LeaseRunner runner_;
  async::TaskGroup keeping_;
  Work* work_ = nullptr;          ///< from `start` on
  std::set<std::uint32_t> held_;  ///< begun, and neither lost nor finished nor given back
  std::set<std::uint32_t> done_;
  std::uint32_t finished_here_ = 0;
  SteadyTime rows_read_at_{};
  bool look_at_once_ = false;
  async::Signal news_;
  bool failed_ = false;
};

}  // namespace dynamirror::jobs
