// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "async/stop_request.hpp"
#include "async/task_group.hpp"
#include "jobs/segments/leased_segments.hpp"
#include "jobs/segments/task_core.hpp"
#include "pipeline/ending.hpp"

namespace dynamirror::jobs {

/// One segment, while this process works on it.
struct SegmentTurn {
  std::uint32_t segment = 0;
  std::uint32_t segments = 1;
  StopRequest stop{};  ///< requested when the work is to end at once: the lease is lost, or this process leaves
  bool done = false;   ///< set by the work: all of it is durable
};

/// One worker of a job that several share, where each segment is done in one go: an object of a dump, a part of a
/// comparison. A segment that was not done to its end is done again from its start, by its next owner. Not thread-safe:
/// lives on one event loop.
class LeasedTasks final : SegmentWork {
 public:
  /// Does one segment. An error ends the worker, unless the turn was to end anyway. `turn` outlives the task.
  using Each = std::function<async::Task<JobResult<void>>(SegmentTurn& turn)>;

  struct Parts {
    coordination::LeaseStore& leases;
    StopRequest& stop;
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
  };
  struct Options {
    LeasedSegments::Options leases;
    std::size_t at_once = 1;  ///< segments worked on, of those held
    std::string doing;        ///< for messages, e.g. "back up"
    std::string resource;
  };

  /// REQUIRES: what is referred to outlives this.
  LeasedTasks(Parts parts, Options options, Each each);

  /// Runs until the whole job is done; a worker that has nothing to do waits, in case another one's leases come free.
  /// Errors: kStopped after a stop request, with everything given back; kState for leases that do not
  /// fit; what `each` or `fail` said.
  [[nodiscard]] async::Task<JobResult<void>> run();

  /// Ends the worker. What it has is given back.
  void fail(JobFailure reason) override { ending_.fail(std::move(reason)); }

  /// Whether the turn's segment may be written now: waits for the renewal when its lease is about to end.
  [[nodiscard]] async::Task<bool> may_write(SegmentTurn& turn);

  [[nodiscard]] LeasedSegments::Status status() const { return leases_.status(); }

 private:
  void begin(source::SegmentPosition from) override;
  void wind_down(std::uint32_t segment) override { core_.wind_down(segment); }
  void lose(std::uint32_t segment) override;
  void finished(std::uint32_t segment) override { core_.finished(segment); }
  void all_done() override { ending_.finish(); }

  void begin_turns();
  void end_turns();
  [[nodiscard]] async::Task<> work(SegmentTurn& turn);
  [[nodiscard]] bool ending() const { return ending_.failure() || parts_.stop.requested(); }
  [[nodiscard]] async::Task<> shut_down();

  Parts parts_;
  Options options_;
  Each each_;
  LeasedSegments leases_;
  TaskCore core_;
  std::map<std::uint32_t, SegmentTurn> turns_;  ///< under way
  Ending ending_;
  async::TaskGroup working_;
};

}  // namespace dynamirror::jobs
