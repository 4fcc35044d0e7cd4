// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/signal.hpp"

namespace dynamirror::jobs {

/// How the outside (a signal handler on the loop, a test) asks a running job to end in good order.
/// Not thread-safe: lives on the job's event loop.
class StopRequest {
 public:
  void request() {
    requested_ = true;
    changed_.notify();
  }
  [[nodiscard]] bool requested() const { return requested_; }

  /// Notified by `request`; whoever waits checks `requested` first.
  [[nodiscard]] async::Signal& changed() { return changed_; }

 private:
  bool requested_ = false;
  async::Signal changed_;
};

}  // namespace dynamirror::jobs
