// SPDX-License-Identifier: Apache-2.0
#include "async/task_group.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

namespace dynamirror::async {
namespace {

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == boost::asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

/// Ends the process by std::terminate: whoever called cannot go on, and must not be unwound.
[[noreturn]] void terminate_by(const std::exception_ptr& failure) noexcept { std::rethrow_exception(failure); }

/// A completion handler with a cancellation slot. Not `bind_cancellation_slot`: with that, co_spawn of Boost 1.81 posts
/// the cancellation to the event loop with a bare pointer into the task, which may have ended by the time it is
/// delivered.
template <class Function>
class Cancellable {
 public:
  using cancellation_slot_type = boost::asio::cancellation_slot;

  Cancellable(boost::asio::cancellation_slot slot, Function function) : slot_(slot), function_(std::move(function)) {}
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
  void operator()(std::exception_ptr failure) { function_(std::move(failure)); }

 private:
  boost::asio::cancellation_slot slot_;
  Function function_;
};

}  // namespace

void TaskGroup::spawn(Task<> task) {
  const auto entry = running_.insert(running_.end(), std::make_shared<Running>());
  boost::asio::co_spawn(executor_, std::move(task),
                        Cancellable((*entry)->stop.slot(), [this, entry](std::exception_ptr failure) {
                          if (failure && !is_cancellation(failure)) terminate_by(failure);
                          (*entry)->ended = true;
                          running_.erase(entry);
                          ended_.notify();
                        }));
  if (cancelled_) signal(*entry);
}

void TaskGroup::cancel() {
  cancelled_ = true;
  for (const auto& running : running_) signal(running);
}

void TaskGroup::signal(const std::shared_ptr<Running>& running) {
  // Not at once: co_spawn lets the exception of a task that is cancelled before its first turn escape to the event
  // loop.
  boost::asio::post(executor_, [running] {
    if (!running->ended) running->stop.emit(boost::asio::cancellation_type::terminal);
  });
}

Task<> TaskGroup::join() {
  while (!running_.empty()) co_await ended_.wait();
}

}  // namespace dynamirror::async
