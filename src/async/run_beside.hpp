// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "async/task.hpp"
#include "async/task_group.hpp"

namespace dynamirror::async {

/// What `work` comes to. `other` runs beside it, and is cancelled when it has ended.
template <class T>
[[nodiscard]] Task<T> run_beside(Task<> other, Task<T> work) {
  const auto executor = co_await boost::asio::this_coro::executor;
  TaskGroup beside(executor);
  beside.spawn(std::move(other));
  T ended = co_await std::move(work);
  beside.cancel();
  co_await beside.join();
  co_return ended;
}

}  // namespace dynamirror::async
