// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "base/error.hpp"

namespace dynamirror::jobs {

/// The code of the error by which a job ends that was asked to stop before its end.
inline constexpr std::string_view kStoppedCode = "Stopped";

/// How the outside (a signal handler on the loop, a test) asks a running job to end in good order.
/// Not thread-safe: lives on the job's event loop.
class StopRequest {
 public:
  /// Notifies a signal of its owner's, too, for as long as it lives: so a job waits for one signal, whatever wakes it.
  class Listener {
   public:
    /// REQUIRES: both outlive the listener.
    Listener(StopRequest& stop, async::Signal& signal) : stop_(stop), signal_(signal) {
      stop_.listeners_.push_back(&signal_);
    }
    ~Listener() { std::erase(stop_.listeners_, &signal_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    StopRequest& stop_;
    async::Signal& signal_;
  };

  void request() {
    requested_ = true;
    changed_.notify();
    for (async::Signal* listener : listeners_) listener->notify();
  }
  [[nodiscard]] bool requested() const { return requested_; }

  /// For jobs that end between two pieces of work: an error with `kStoppedCode` once a stop was requested.
  [[nodiscard]] Status check(std::string doing, std::string resource) const {
    if (!requested_) return {};
    return std::unexpected(Error{.error_class = ErrorClass::kTransient,
                                 .doing = std::move(doing),
                                 .resource = std::move(resource),
                                 .code = std::string(kStoppedCode),
                                 .message = "stopped as asked, before the end"});
  }

  /// Notified by `request`; whoever waits checks `requested` first.
  [[nodiscard]] async::Signal& changed() { return changed_; }

 private:
  bool requested_ = false;
  async::Signal changed_;
  std::vector<async::Signal*> listeners_;
};

}  // namespace dynamirror::jobs
