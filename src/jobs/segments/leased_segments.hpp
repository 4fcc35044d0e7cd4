// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "base/random.hpp"
#include "coordination/lease_runner.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_leases.hpp"
#include "jobs/segments/shared_segments.hpp"

namespace dynamirror::jobs {

/// The segments of a whole-table job, shared with other workers through leases: SharedSegments, with a LeaseRunner.
class LeasedSegments final : public SegmentKeeper {
 public:
  using Parts = coordination::LeaseRunner::Parts;
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
  [[nodiscard]] bool complete() const override { return segments_.complete(); }
  [[nodiscard]] std::uint32_t done() const override { return segments_.done(); }
  [[nodiscard]] bool resumed() const override { return false; }
  [[nodiscard]] std::string_view after_stop() const override {
    return "other workers go on, and the same command joins them again";
  }
  [[nodiscard]] Status status() const;

 private:
  void take(const coordination::LeaseWorker::Event& event);
  void take_rows(const coordination::LeaseRows& rows);
  [[nodiscard]] async::Task<> watch();
  void fail(Reason reason, Error error);

  Parts parts_;
  Options options_;
  SharedSegments segments_;
  coordination::LeaseRunner runner_;
  async::TaskGroup keeping_;
  Work* work_ = nullptr;  ///< from `start` on
  SteadyTime rows_read_at_{};
  async::Signal news_;
  bool failed_ = false;
};

}  // namespace dynamirror::jobs
