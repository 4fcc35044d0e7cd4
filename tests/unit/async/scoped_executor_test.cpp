// SPDX-License-Identifier: Apache-2.0
//
// Goal: the lines of jobs that share an event loop say whose they are, whatever a job has waited for, and however one
// job's turn ends in another's. Method: tasks in two scopes that wake one another, and the lines that they write.
#include "async/scoped_executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <sstream>

#include "async/cpu_pool.hpp"
#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "base/log.hpp"

namespace dynamirror::async {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class ScopedExecutorTest : public ::testing::Test {
 protected:
  [[nodiscard]] boost::asio::any_io_executor in(const std::string& name) {
    return scoped(loop.get_executor(), log::scope_name(name));
  }

  /// The lines that the loop writes until nothing is left to do, without their times.
  [[nodiscard]] std::vector<std::string> lines() {
    ::testing::internal::CaptureStderr();
    loop.run();
    std::istringstream text(::testing::internal::GetCapturedStderr());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line.substr(line.find(' ') + 1));
    return lines;
  }

  boost::asio::io_context loop;
  Signal first_rang;
  Signal second_rang;
};

Task<> write_after_sleep(std::string what) {
  co_await sleep_for(std::chrono::milliseconds(1));
  log::warning(what);
}

TEST_F(ScopedExecutorTest, ATaskStaysInItsScopeOverWhatItWaitsFor) {
  const auto first = [](Signal& mine, Signal& others) -> Task<> {
    log::warning("begins");
    co_await mine.wait();
    log::warning("woken");
    others.notify();
    log::warning("has woken");
  };
  const auto second = [](Signal& mine, Signal& others) -> Task<> {
    others.notify();
    co_await mine.wait();
    log::warning("woken");
  };
  boost::asio::co_spawn(in("orders"), first(first_rang, second_rang), boost::asio::detached);
  boost::asio::co_spawn(in("users"), second(second_rang, first_rang), boost::asio::detached);
  boost::asio::co_spawn(loop, write_after_sleep("of nobody"), boost::asio::detached);
  EXPECT_THAT(lines(), ElementsAre("warning [orders] begins", "warning [orders] woken", "warning [orders] has woken",
                                   "warning [users] woken", "warning of nobody"));
}

TEST_F(ScopedExecutorTest, WhatATaskStartsOnItsExecutorIsInItsScope) {
  const auto parent = []() -> Task<> {
    TaskGroup group(co_await boost::asio::this_coro::executor);
    group.spawn(write_after_sleep("child"));
    co_await group.join();
    log::warning("parent");
  };
  boost::asio::co_spawn(in("orders"), parent(), boost::asio::detached);
  EXPECT_THAT(lines(), ElementsAre("warning [orders] child", "warning [orders] parent"));
}

TEST_F(ScopedExecutorTest, ATurnWithinAnothersTurnGivesItsScopeBack) {
  boost::asio::co_spawn(
      in("orders"),
      [](boost::asio::any_io_executor others) -> Task<> {
        boost::asio::dispatch(others, [] { log::warning("within"); });
        log::warning("after");
        co_return;
      }(in("users")),
      boost::asio::detached);
  EXPECT_THAT(lines(), ElementsAre("warning [users] within", "warning [orders] after"));
}

TEST_F(ScopedExecutorTest, WorkOfAnotherThreadComesBackIntoTheScope) {
  CpuPool pool(1);
  const auto task = [](CpuPool& threads) -> Task<> {
    const auto work = [] { return 7; };
    const int result = co_await threads.run(work);
    log::warning(std::to_string(result));
  };
  boost::asio::co_spawn(in("orders"), task(pool), boost::asio::detached);
  EXPECT_THAT(lines(), ElementsAre("warning [orders] 7"));
}

TEST_F(ScopedExecutorTest, AnExecutorOfAnotherKindCanBeScopedToo) {
  boost::asio::co_spawn(scoped(in("orders"), log::scope_name("users")), write_after_sleep("inner"),
                        boost::asio::detached);
  EXPECT_THAT(lines(), ElementsAre("warning [users] inner"));
}

TEST_F(ScopedExecutorTest, WithoutANameTheExecutorIsTheSame) {
  EXPECT_EQ(in(""), boost::asio::any_io_executor(loop.get_executor()));
}

}  // namespace
}  // namespace dynamirror::async
