// SPDX-License-Identifier: Apache-2.0
//
// Goal: a store that is slow holds up nobody but those who wait for it, and no loop ends before its disk work.
// Method: work that ends only when a turn of the event loop lets it.
#include "async/disk_thread.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "async/task_group.hpp"
#include "support/run_task.hpp"

namespace dynamirror::async {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::seconds kLimit{10};  // only what is broken takes so long

Task<> wait_for_a_turn_of_the_loop(bool& came) {
  std::promise<void> turn;
  const auto loop = co_await boost::asio::this_coro::executor;
  const auto work = [&] {
    boost::asio::post(loop, [&] { turn.set_value(); });
    return turn.get_future().wait_for(kLimit) == std::future_status::ready;
  };
  came = co_await on_disk_thread(work);
}

TEST(DiskThread, LeavesTheLoopToOthersWhileItWorks) {
  bool came = false;
  support::run_task(wait_for_a_turn_of_the_loop(came));
  EXPECT_TRUE(came);
}

Task<> note(int number, std::vector<int>& order, std::vector<std::thread::id>& threads) {
  const auto work = [&, number] {
    order.push_back(number);
    threads.push_back(std::this_thread::get_id());
    return number;
  };
  EXPECT_EQ(co_await on_disk_thread(work), number);
}

Task<> note_three(std::vector<int>& order, std::vector<std::thread::id>& threads) {
  TaskGroup group(co_await boost::asio::this_coro::executor);
  for (const int number : {1, 2, 3}) group.spawn(note(number, order, threads));
  co_await group.join();
}

TEST(DiskThread, DoesOneWorkAfterAnotherInTheOrderInWhichTheyCame) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  support::run_task(note_three(order, threads));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_NE(threads[0], std::this_thread::get_id());
  EXPECT_EQ(threads[0], threads[1]);
  EXPECT_EQ(threads[0], threads[2]);
}

Task<> work_on(std::shared_future<void> go_on, std::atomic<bool>& done, std::shared_ptr<int> held) {
  const auto work = [&done, go_on, kept = held.get()] {
    go_on.wait();
    *kept = 7;  // what the coroutine holds is still there
    done = true;
    return 0;
  };
  (void)co_await on_disk_thread(work);
  ADD_FAILURE() << "the loop was left";
}

TEST(DiskThread, ALoopThatIsLeftInMidRunEndsAfterItsWork) {
  std::atomic<bool> done = false;
  std::promise<void> go_on;
  const auto held = std::make_shared<int>(0);
  auto loop = std::make_unique<boost::asio::io_context>(1);
  boost::asio::co_spawn(*loop, work_on(go_on.get_future().share(), done, held), boost::asio::detached);
  loop->poll();
  EXPECT_FALSE(done);
  EXPECT_GT(held.use_count(), 1);
  go_on.set_value();
  loop.reset();
  EXPECT_TRUE(done);
  EXPECT_EQ(*held, 7);
  EXPECT_EQ(held.use_count(), 1) << "the coroutine was destroyed with its loop";
}

}  // namespace
}  // namespace dynamirror::async
