// SPDX-License-Identifier: Apache-2.0
//
// Goal: a server that does not answer is told of once, with who it is, since when and why, and once more when it
// answers again; nothing is told of what nobody waits for. Method: scripted failures, and a clock that is told to move.
#include "http/watched_transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::http {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;

class WatchedTransportTest : public ::testing::Test {
 protected:
  static constexpr const char* kUrl = "https://dynamodb.eu-west-1.amazonaws.com/";

  async::Task<> send() {
    const Request request{.endpoint = {.host = "dynamodb.eu-west-1.amazonaws.com"}};
    (void)co_await watched.send(request, {});
  }
  void fail() {
    below.expect("POST", kUrl).fail("Connect");
    support::run_task(send());
  }
  void answer(int status) {
    below.expect("POST", kUrl).answer(status, "");
    support::run_task(send());
  }
  void pass(seconds time) {
    for (seconds passed{0}; passed < time; ++passed) {
      clock.advance(seconds(1));
      watched.look();
    }
  }
  /// Fails once a second.
  void fail_for(seconds time) {
    for (seconds passed{0}; passed < time; ++passed) {
      fail();
      pass(seconds(1));
    }
  }
  void name_it() { watched.name({.host = "dynamodb.eu-west-1.amazonaws.com"}, "source eu-west-1/Orders"); }

  ManualClock clock;
  support::ScriptedTransport below;
  std::vector<Outage> outages;
  WatchedTransport watched{below, clock, [this](const Outage& outage) { outages.push_back(outage); }};
};

TEST_F(WatchedTransportTest, TellsOnceThatAServerIsGoneAndOnceThatItIsBack) {
  name_it();
  const WallTime begun = clock.wall_now();
  fail_for(seconds(9));
  EXPECT_THAT(outages, IsEmpty()) << "what is this short is retried";
  fail_for(seconds(30));
  ASSERT_EQ(outages.size(), 1u);
  EXPECT_EQ(outages[0].who, "source eu-west-1/Orders");
  EXPECT_EQ(outages[0].server, "https://dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(outages[0].since, begun);
  EXPECT_EQ(outages[0].why, "the network failed as scripted");
  EXPECT_FALSE(outages[0].over);

  answer(200);
  ASSERT_EQ(outages.size(), 2u);
  EXPECT_TRUE(outages[1].over);
  EXPECT_EQ(outages[1].lasted, seconds(39));

  fail_for(seconds(11));
  EXPECT_EQ(outages.size(), 3u) << "the next outage is another one";
}

TEST_F(WatchedTransportTest, ARequestThatHangsIsTold) {
  name_it();
  boost::asio::io_context loop;
  async::TaskGroup tasks(loop.get_executor());
  below.expect("POST", kUrl).held();
  tasks.spawn(send());
  while (below.holding() == 0) loop.run_one();
  pass(seconds(9));
  EXPECT_THAT(outages, IsEmpty());
  pass(seconds(5));
  ASSERT_EQ(outages.size(), 1u);
  EXPECT_EQ(outages[0].why, "no answer for 10 s");
  below.release();
  loop.run();
  ASSERT_EQ(outages.size(), 2u);
  EXPECT_TRUE(outages[1].over);
}

TEST_F(WatchedTransportTest, AServerThatHasNothingButErrorsOfItsOwnIsGone) {
  name_it();
  for (int i = 0; i < 11; ++i) {
    answer(503);
    pass(seconds(1));
  }
  ASSERT_EQ(outages.size(), 1u);
  EXPECT_EQ(outages[0].why, "it answers HTTP 503");
}

TEST_F(WatchedTransportTest, AnyOtherAnswerIsASignOfLife) {
  name_it();
  for (int i = 0; i < 8; ++i) {
    fail_for(seconds(5));
    answer(400);
  }
  EXPECT_THAT(outages, IsEmpty());
}

TEST_F(WatchedTransportTest, NothingIsToldOfAServerThatIsNotAskedAnyMore) {
  name_it();
  fail();
  pass(seconds(100));
  EXPECT_THAT(outages, IsEmpty());
  fail_for(seconds(9));
  EXPECT_THAT(outages, IsEmpty()) << "counts from the time that it is asked again";
  fail_for(seconds(2));
  EXPECT_EQ(outages.size(), 1u);
}

TEST_F(WatchedTransportTest, OneServerMayBeSeveral) {
  name_it();
  name_it();
  watched.name({.host = "dynamodb.eu-west-1.amazonaws.com"}, "target eu-west-1/Copy");
  fail_for(seconds(11));
  ASSERT_EQ(outages.size(), 1u);
  EXPECT_EQ(outages[0].who, "source eu-west-1/Orders, target eu-west-1/Copy");
}

TEST_F(WatchedTransportTest, AServerWithoutANameHasMoreTime) {
  fail_for(seconds(29));
  EXPECT_THAT(outages, IsEmpty());
  fail_for(seconds(2));
  ASSERT_EQ(outages.size(), 1u);
  EXPECT_EQ(outages[0].who, "https://dynamodb.eu-west-1.amazonaws.com");
}

}  // namespace
}  // namespace dynamirror::http
