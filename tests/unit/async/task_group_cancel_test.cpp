// SPDX-License-Identifier: Apache-2.0
//
// Goal: a task group can be cancelled at any moment of its tasks' lives, from inside and outside the event loop.
// Method: tasks that are just spawned, that wait, and that end in the same turn as the cancellation.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "async/signal.hpp"
#include "async/task_group.hpp"

namespace dynamirror::async {
namespace {

Task<> wait_on(Signal& signal, int& begun, int& ended) {
  ++begun;
  co_await signal.wait();
  ++ended;
}

Task<> join_all(TaskGroup& group, bool& joined) {
  co_await group.join();
  joined = true;
}

class TaskGroupCancel : public testing::Test {
 protected:
  void expect_joined() {
    bool joined = false;
    boost::asio::co_spawn(loop_, join_all(group_, joined), boost::asio::detached);
    loop_.restart();
    loop_.run();
    EXPECT_TRUE(joined);
    EXPECT_EQ(group_.size(), 0u);
  }

  boost::asio::io_context loop_{1};
  Signal signal_;
  int begun_ = 0;
  int ended_ = 0;
  TaskGroup group_{loop_.get_executor()};
};

TEST_F(TaskGroupCancel, StopsTasksThatHaveNotBegunAtTheirFirstSuspension) {
  group_.spawn(wait_on(signal_, begun_, ended_));
  group_.cancel();
  group_.spawn(wait_on(signal_, begun_, ended_));
  expect_joined();
  EXPECT_EQ(begun_, 2);
  EXPECT_EQ(ended_, 0);
}

TEST_F(TaskGroupCancel, StopsTasksSpawnedInTheSameTurnOfTheLoop) {
  boost::asio::post(loop_, [this] {
    group_.spawn(wait_on(signal_, begun_, ended_));
    group_.cancel();
  });
  loop_.run();
  expect_joined();
  EXPECT_EQ(ended_, 0);
}

TEST_F(TaskGroupCancel, ToleratesTasksThatEndInTheSameTurn) {
  for (int i = 0; i < 10; ++i) group_.spawn(wait_on(signal_, begun_, ended_));
  loop_.poll();
  ASSERT_EQ(begun_, 10);
  signal_.notify();
  group_.cancel();
  expect_joined();
}

TEST_F(TaskGroupCancel, StopsWaitingTasks) {
  for (int i = 0; i < 10; ++i) group_.spawn(wait_on(signal_, begun_, ended_));
  loop_.poll();
  group_.cancel();
  expect_joined();
  EXPECT_EQ(ended_, 0);
}

Task<> throw_once(Signal& signal) {
  co_await signal.wait();
  throw std::runtime_error("a bug");
}

/// Owns what its own task waits on, and is thrown out of.
Task<> throw_beside_a_waiting_task(boost::asio::any_io_executor executor, Signal& signal) {
  Signal own;
  int counted = 0;
  TaskGroup waiting(executor);
  waiting.spawn(wait_on(own, counted, counted));
  co_await throw_once(signal);
}

TEST_F(TaskGroupCancel, EndsTheProcessAtAnExceptionBeforeAnybodyIsDestroyedOrResumed) {
  const auto run = [this] {
    group_.spawn(throw_beside_a_waiting_task(loop_.get_executor(), signal_));
    loop_.poll();
    signal_.notify();
    loop_.poll();
  };
  EXPECT_DEATH(run(), "a bug");
}

}  // namespace
}  // namespace dynamirror::async
