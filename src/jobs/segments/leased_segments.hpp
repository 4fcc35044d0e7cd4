// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "base/random.hpp"
#include "coordination/lease_runner.hpp"
#include "jobs/segments/segment_leases.hpp"
#include "pipeline/exit_code.hpp"

namespace dynamirror::jobs {

/// The segments of a whole-table job, shared with other workers through leases: says which of them this process works
/// on and until when it may write, and when all of them are done, by whomever. Not thread-safe: one event loop.
class LeasedSegments {
 public:
  /// The job, as its leases see it. Its calls return soon; they may be made from within calls to the leases.
  class Work {
   public:
    virtual ~Work() = default;
    /// The segment is ours, from here on. What is still under way of it from an earlier time must come to rest first.
    virtual void begin(source::SegmentPosition from) = 0;
    /// Another worker is to go on: finish what is under way, then call `give_back`, or `finish` at the segment's end.
    virtual void wind_down(std::uint32_t segment) = 0;
    /// The segment is another's: nothing of it may be written any more.
    virtual void lose(std::uint32_t segment) = 0;
    /// `finish` is durable.
    virtual void finished(std::uint32_t segment) = 0;
    /// `complete` has turned true.
    virtual void all_done() = 0;
    virtual void fail(JobFailure failure) = 0;
  };

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

  /// Begins to take leases. REQUIRES: `work` outlives `close`.
  void start(Work& work);

  // Of a segment that has begun, and was neither lost nor given back.
  void checkpoint(const source::SegmentPosition& safe);
  void finish(std::uint32_t segment);
  void give_back(std::uint32_t segment);
  /// Until when the segment's writes may be sent; nothing: never again.
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t segment) const;

  /// Takes nothing any more; every segment winds down. Over when `holds_any` is false.
  void stop() { runner_.stop(); }
  [[nodiscard]] bool holds_any() const { return runner_.held() > 0; }
  /// Notified whenever the lease table has answered.
  [[nodiscard]] async::Signal& changed() { return runner_.changed(); }
  /// Renews nothing any more: what is held goes to others when its time is over.
  [[nodiscard]] async::Task<> close();

  [[nodiscard]] bool complete() const { return done_.size() == options_.terms.segments; }
  [[nodiscard]] Status status() const;

 private:
  void take(coordination::LeaseWorker::Event event);
  void begin(const coordination::Lease& lease);
  void take_rows(const coordination::LeaseRows& rows);
  void done(std::uint32_t segment);
  [[nodiscard]] async::Task<> watch();
  void fail(ExitCode exit_code, Error error);
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
