// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <list>
#include <memory>

#include "async/signal.hpp"
#include "async/task.hpp"

namespace dynamirror::async {

/// Owns background tasks on one event loop: whoever starts work must also be able to stop it and to wait for its end.
///
/// Promise: after `join()` no task of the group runs. An exception other than cancellation that escapes a task is a
/// bug, and ends the process at once (std::terminate): other tasks wait on what the throwing one has owned, and must
/// not be resumed, nor destroyed after it.
///
/// Not thread-safe. REQUIRES: destroyed only when empty (joined), or after its event loop has been destroyed.
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts a task; it first runs after the caller's own turn on the event loop. Tasks started after `cancel()` are
  /// cancelled at their first suspension.
  void spawn(Task<> task);

  /// Asks every task to stop; each sees it as an exception out of what it waits for.
  void cancel();

  /// Waits until every task, also those started meanwhile, has ended.
  [[nodiscard]] Task<> join();

  /// Tasks that have not ended.
  [[nodiscard]] std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    boost::asio::cancellation_signal stop;
    bool ended = false;
  };

  /// Signals the task once it has begun, unless it has ended by then.
  void signal(const std::shared_ptr<Running>& running);

  boost::asio::any_io_executor executor_;
  std::list<std::shared_ptr<Running>> running_;
  Signal ended_;
  bool cancelled_ = false;
};

}  // namespace dynamirror::async
