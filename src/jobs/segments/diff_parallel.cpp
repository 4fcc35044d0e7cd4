// SPDX-License-Identifier: Apache-2.0
#include "jobs/segments/diff_parallel.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cassert>
#include <exception>
#include <utility>

namespace dynamirror::jobs {
namespace {

struct Run {
  std::size_t count;
  std::function<async::Task<Status>(std::size_t)> each;
  std::size_t next = 0;
  Status status{};
};

async::Task<> work(Run& run) {
  while (run.next < run.count && run.status) {
    const std::size_t i = run.next++;
    Status status = co_await run.each(i);
    if (!status && run.status) run.status = std::move(status);
  }
}

}  // namespace

async::Task<Status> for_each_in_parallel(std::size_t count, std::size_t width,
                                         std::function<async::Task<Status>(std::size_t)> each) {
  assert(width > 0);
  Run run{.count = count, .each = std::move(each)};
  const auto executor = co_await boost::asio::this_coro::executor;
  async::TaskGroup workers(executor);
  for (std::size_t i = 0; i < std::min(width, count); ++i) workers.spawn(work(run));
  co_await join_or_cancel(workers);
  co_return std::move(run.status);
}

async::Task<> join_or_cancel(async::TaskGroup& group) {
  std::exception_ptr thrown;
  try {
    co_await group.join();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return;
  co_await boost::asio::this_coro::reset_cancellation_state();
  group.cancel();
  co_await group.join();
  std::rethrow_exception(thrown);
}

}  // namespace dynamirror::jobs
