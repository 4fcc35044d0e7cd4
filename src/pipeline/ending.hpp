// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "async/signal.hpp"
#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "pipeline/job_failure.hpp"

namespace dynamirror::jobs {

/// Why a running job is to end: its work is done, a failure needs a person, or somebody asked it to stop. Whatever runs
/// for the job reports here, and the job waits here. Not thread-safe: lives on the job's event loop.
class Ending {
 public:
  /// Of a job that nobody asks to stop.
  Ending() = default;
  /// REQUIRES: `stop` outlives this.
  explicit Ending(StopRequest& stop) : stop_(&stop) { listener_.emplace(stop, changed_); }

  /// The first failure counts; later ones follow from it.
  void fail(JobFailure failure) {
    if (!failure_) failure_ = std::move(failure);
    changed_.notify();
  }
  void finish() {
    finished_ = true;
    changed_.notify();
  }

  [[nodiscard]] const std::optional<JobFailure>& failure() const { return failure_; }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] bool stop_requested() const { return stop_ != nullptr && stop_->requested(); }
  [[nodiscard]] bool due() const { return failure_ || finished_ || stop_requested(); }

  /// Returns once it is due.
  [[nodiscard]] async::Task<> wait() {
    while (!due()) co_await changed_.wait();
  }

 private:
  StopRequest* stop_ = nullptr;
  async::Signal changed_;
  std::optional<StopRequest::Listener> listener_;
  std::optional<JobFailure> failure_;
  bool finished_ = false;
};

}  // namespace dynamirror::jobs
