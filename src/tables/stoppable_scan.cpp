// SPDX-License-Identifier: Apache-2.0
#include "tables/stoppable_scan.hpp"

#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "async/task_group.hpp"

namespace dynamirror::jobs {
namespace {

async::Task<> end_on_stop(source::TableScan& scan, StopRequest& stop, std::string doing, std::string resource) {
  while (!stop.requested()) co_await stop.changed().wait();
  auto stopped = stop.check(std::move(doing), std::move(resource));
  scan.end(std::move(stopped.error()));
}

}  // namespace

async::Task<Status> scan_until_stopped(source::TableScan& scan, source::PageReceiver& receiver, StopRequest& stop,
                                       std::string doing, std::string resource) {
  async::TaskGroup watch(co_await boost::asio::this_coro::executor);
  watch.spawn(end_on_stop(scan, stop, std::move(doing), std::move(resource)));
  Status scanned;
  std::exception_ptr thrown;  // a cancellation waits for the end of the watch, too
  try {
    scanned = co_await scan.run(scan.fresh(), receiver);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) co_await boost::asio::this_coro::reset_cancellation_state();
  watch.cancel();
  co_await watch.join();
  if (thrown) std::rethrow_exception(thrown);
  co_return scanned;
}

}  // namespace dynamirror::jobs
