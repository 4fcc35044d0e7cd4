// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>

#include "async/task.hpp"
#include "base/clock.hpp"

namespace dynamirror::async {

/// Wakes every coroutine that waits on it. Carries no state: the waiter loops on its own condition, as with a condition
/// variable (`while (!ready()) co_await signal.wait();`). Because everything runs on one event loop, nothing can happen
/// between the check and the wait.
///
/// Not thread-safe: lives on one event loop, and must outlive its waiters.
class Signal {
 public:
  /// Wakes all current waiters, after the caller's own turn on the event loop.
  void notify();

  /// Suspends until the next `notify`; a cancelled wait throws.
  [[nodiscard]] Task<> wait();

  /// Suspends until the next `notify`, but no longer than `limit`. True when notified.
  [[nodiscard]] Task<bool> wait_for(Duration limit);

 private:
  struct Waiter {
    boost::asio::steady_timer timer;
    bool notified = false;
  };
  std::list<Waiter*> waiters_;  // each lives in the frame of its waiting coroutine
};

}  // namespace dynamirror::async
