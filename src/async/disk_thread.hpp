// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <type_traits>
#include <utility>

#include "async/cpu_pool.hpp"
#include "async/task.hpp"

namespace dynamirror::async {

/// The one thread beside an event loop on which its stores write and sync: many jobs share the loop, and none is to
/// wait for another one's disk. Made when it is first asked for; it belongs to the loop, and ends before it.
[[nodiscard]] CpuPool& disk_thread(const boost::asio::any_io_executor& loop);

/// Runs `work` on the disk thread of the loop that this task runs on: in the order in which it was asked for, one at a
/// time, so that a store which is used in this way alone needs no lock. Not cancellable: a cancelled task ends after
/// it. A loop that is destroyed waits for the work, and its outcome is told to nobody.
/// REQUIRES: as CpuPool::run; what `work` refers to outlives the loop, or the task.
template <class Work>
[[nodiscard]] Task<std::invoke_result_t<Work>> on_disk_thread(Work work) {
  const boost::asio::any_io_executor loop = co_await boost::asio::this_coro::executor;
  co_return co_await disk_thread(loop).run(std::move(work));
}

}  // namespace dynamirror::async
