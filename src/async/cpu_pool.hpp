// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "async/task.hpp"

namespace dynamirror::async {

/// Threads for work that would hold an event loop up, such as compression. Work is a function without arguments that
/// touches nothing but what it was given; its result comes back on the loop of the coroutine that asked.
/// Destroying the pool waits for what is under way. REQUIRES: destroyed before the event loops that it serves: a thread
/// may still be handing over the last result when the loop has it already.
class CpuPool {
 public:
  /// REQUIRES: threads >= 1.
  explicit CpuPool(std::size_t threads) : pool_(threads) {}
  ~CpuPool() { pool_.join(); }
  CpuPool(const CpuPool&) = delete;
  CpuPool& operator=(const CpuPool&) = delete;

  /// Runs `work` on one of the threads. Not cancellable: a cancelled coroutine ends after it. REQUIRES: `work` does not
  /// throw; the pool outlives the task. Name the function before `co_await`: g++ 12 destroys a temporary one twice.
  template <class Work>
  [[nodiscard]] Task<std::invoke_result_t<Work>> run(Work work) {
    using Outcome = std::invoke_result_t<Work>;
    const auto start = [this](auto handler, Work given) {
      auto loop = boost::asio::make_work_guard(boost::asio::get_associated_executor(handler));
      boost::asio::post(
          pool_, [handler = std::move(handler), given = std::move(given), loop = std::move(loop)]() mutable {
            auto executor = loop.get_executor();
            boost::asio::post(executor, [handler = std::move(handler), outcome = given(),
                                         loop = std::move(loop)]() mutable { std::move(handler)(std::move(outcome)); });
          });
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Outcome)>(
        start, boost::asio::use_awaitable, std::move(work));
  }

 private:
  boost::asio::thread_pool pool_;
};

}  // namespace dynamirror::async
