// SPDX-License-Identifier: Apache-2.0
#include "async/disk_thread.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <optional>

namespace dynamirror::async {
namespace {

namespace asio = boost::asio;

/// What an event loop owns is shut down before the handlers in it are destroyed: so no work goes on that uses what they
/// hold, and none hands its outcome to a loop that is no more.
class DiskThread final : public asio::execution_context::service {
 public:
  using key_type = DiskThread;
  static asio::execution_context::id id;

  explicit DiskThread(asio::execution_context& loop) : service(loop), thread_(std::in_place, 1u) {}
  [[nodiscard]] CpuPool& thread() { return *thread_; }

 private:
  void shutdown() override { thread_.reset(); }

  std::optional<CpuPool> thread_;
};

asio::execution_context::id DiskThread::id;

}  // namespace

CpuPool& disk_thread(const asio::any_io_executor& loop) {
  return asio::use_service<DiskThread>(asio::query(loop, asio::execution::context)).thread();
}

}  // namespace dynamirror::async
