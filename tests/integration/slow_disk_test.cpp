// SPDX-License-Identifier: Apache-2.0
//
// Goal: a disk on which a save takes long holds up only what waits for that save, and no other replication on the same
// event loop. Method: two replications on one loop; a save of the first one lasts until a change that is made meanwhile
// has come through the second.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "async/sleep.hpp"
#include "http/beast_transport.hpp"
#include "integration/replicate_fixture.hpp"
#include "service/replication.hpp"
#include "support/test_host.hpp"
#include "support/watched_store.hpp"

namespace dynamirror::integration {
namespace {

constexpr std::chrono::milliseconds kLook{2};
constexpr std::chrono::seconds kLimit{30};  // only what is broken takes so long

/// One of several replications on a loop.
class Job final : public support::TestHost {
 public:
  Job(boost::asio::io_context& loop, http::Transport& transport, service::ReplicationOptions options,
      support::WatchedStore::BeforeSave before_save)
      : TestHost(loop.get_executor(), transport), before_save_(std::move(before_save)) {
    replication_.emplace(std::move(options), *this);
  }

  [[nodiscard]] async::Task<> run() {
    co_await replication_->run();
    ended_ = true;
  }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool caught_up() const {
    return replication_->job() != nullptr && replication_->job()->status().caught_up;
  }
  [[nodiscard]] service::ReplicationResult result() const { return replication_->result(); }

  // Host
  [[nodiscard]] state::CheckpointStore& checkpoints(state::CheckpointStore& opened) override {
    return watched_.emplace(opened, before_save_);
  }

 private:
  support::WatchedStore::BeforeSave before_save_;
  std::optional<support::WatchedStore> watched_;
  std::optional<service::Replication> replication_;
  bool ended_ = false;
};

class SlowDisk : public ReplicateTest {
 protected:
  [[nodiscard]] service::ReplicationOptions options(const std::string& from, const std::string& to) const {
    service::ReplicationOptions options;
    options.source.address = source.address_of(from);
    options.target = service::TableOptions{.address = target.address_of(to), .side = {.side = "target"}};
    options.job = ReplicationRun::brisk();
    options.job.stop_when_caught_up = false;
    options.files = {.state = (folder.path() / from).string(), .without_dead_letters = true};
    return options;
  }

  /// While this is saved, the other replication brings a change to its target.
  Status save_slowly() {
    if (!both_read.exchange(false)) return {};
    source.put("Users", item_of("meanwhile", "1"));
    const SteadyTime end = system_clock().steady_now() + kLimit;
    while (!came_through && system_clock().steady_now() < end) {
      came_through = target.snapshot("UsersCopy").size() == 1;
      std::this_thread::sleep_for(kLook);
    }
    slow_save_over = true;
    return {};
  }

  /// A checkpoint of the first becomes due when both have caught up.
  async::Task<> watch(Job& first, Job& second) {
    while (!(first.caught_up() && second.caught_up())) co_await async::sleep_for(kLook);
    both_read = true;
    put("a", "1");
    while (!slow_save_over) co_await async::sleep_for(kLook);
    first.stop().request();
    second.stop().request();
    while (!first.ended() || !second.ended()) co_await async::sleep_for(kLook);
  }

  std::atomic<bool> both_read = false;
  std::atomic<bool> slow_save_over = false;
  std::atomic<bool> came_through = false;
};

TEST_F(SlowDisk, OfOneReplicationDoesNotHoldUpAnotherOnTheSameLoop) {
  add_tables();
  source.add_table({.name = "Users", .key = hash_only(), .shards = 1});
  target.add_table({.name = "UsersCopy", .key = hash_only(), .stream_view = std::nullopt});
  boost::asio::io_context loop{1};
  const auto transport = http::BeastTransport::make(loop.get_executor(), {}).value();
  Job first(loop, *transport, options(kSource, kTarget), [this](auto) { return save_slowly(); });
  Job second(loop, *transport, options("Users", "UsersCopy"), {});
  const auto rethrow = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  boost::asio::co_spawn(loop, first.run(), rethrow);
  boost::asio::co_spawn(loop, second.run(), rethrow);
  boost::asio::co_spawn(loop, watch(first, second), [&](const std::exception_ptr& thrown) {
    loop.stop();
    rethrow(thrown);
  });
  loop.run();
  EXPECT_TRUE(came_through) << "the loop stood still while the first replication was being saved";
  for (const Job* job : {&first, &second}) EXPECT_TRUE(job->result().failures.empty());
  EXPECT_EQ(target_values(), "a=1");
}

}  // namespace
}  // namespace dynamirror::integration
