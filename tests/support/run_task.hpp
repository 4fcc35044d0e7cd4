// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "async/task.hpp"

namespace dynamirror::support {

namespace impl {

template <class T>
async::Task<> keep(async::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

}  // namespace impl

/// Runs a task, and whatever it starts, on an event loop of its own until nothing is left to do.
inline void run_task(async::Task<> task) {
  boost::asio::io_context loop;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, std::move(task), [&failure](std::exception_ptr thrown) { failure = thrown; });
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

/// The same for a task with a result.
template <class T>
[[nodiscard]] T run_task(async::Task<T> task) {
  std::optional<T> result;
  run_task(impl::keep(std::move(task), result));
  return std::move(*result);
}

}  // namespace dynamirror::support
