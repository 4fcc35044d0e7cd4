// SPDX-License-Identifier: Apache-2.0
//
// Goal: never more connections than allowed, nobody waits behind a later comer, and a cancelled request leaves no
// trace. Method: many requests at once against our own server, whose handlers answer when the test says so.
#include <gtest/gtest.h>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "http/beast_transport.hpp"
#include "http/server.hpp"
#include "unit/http/loop_test_kit.hpp"

namespace dynamirror::http {
namespace {

using std::chrono::milliseconds;

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server =
        Server::listen(loop_.get_executor(), {}, [this](ServerRequest request) { return hold(std::move(request)); });
    ASSERT_TRUE(server);
    server_ = std::move(*server);
  }

  void TearDown() override {
    tasks_.cancel();
    server_->stop();
    run(loop_, tasks_.join());
    run(loop_, server_->join());
  }

  void make(std::size_t limit) {
    auto transport = BeastTransport::make(loop_.get_executor(), {.max_connections_per_endpoint = limit});
    ASSERT_TRUE(transport);
    transport_ = std::move(*transport);
  }

  async::Task<ServerResponse> hold(ServerRequest request) {
    ++holding_;
    changed_.notify();
    while (!open_ && request.target != "/now") co_await changed_.wait();
    --holding_;
    ServerResponse response{.body = std::move(request.body)};
    co_return response;
  }

  async::Task<> send(std::string body, SendOptions options = {}) {
    const Request request{.endpoint = server_->endpoint(), .body = body};
    const auto answer = co_await transport_->send(request, options);
    if (answer) {
      EXPECT_EQ(answer->body, body);
    }
    ended_.push_back(answer ? body : answer.error().code);
    changed_.notify();
  }

  void start_many(int from, int to, SendOptions options = {}) {
    for (int i = from; i < to; ++i) tasks_.spawn(send(std::to_string(i), options));
  }

  template <class Condition>
  void run_until(Condition condition) {
    loop_.restart();
    const auto limit = std::chrono::steady_clock::now() + kTestLimit;
    while (!condition() && loop_.run_one_until(limit) > 0) {
    }
    ASSERT_TRUE(condition());
  }

  void open() {
    open_ = true;
    changed_.notify();
  }

  boost::asio::io_context loop_{1};
  async::Signal changed_;
  bool open_ = false;
  std::size_t holding_ = 0;
  std::vector<std::string> ended_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<BeastTransport> transport_;
  async::TaskGroup tasks_{loop_.get_executor()};
};

TEST_F(PoolTest, NeverOpensMoreConnectionsThanAllowedAndServesTheRestInTheirOrder) {
  make(3);
  start_many(0, 20);
  run_until([&] { return holding_ == 3 && transport_->stats().waiting == 17; });
  EXPECT_EQ(transport_->stats().connections, 3u);
  open();
  run_until([&] { return ended_.size() == 20; });
  EXPECT_EQ(server_->stats().most_open_connections, 3u);
  // Answers of different connections may overtake one another, but by no more than there are connections.
  for (int i = 0; i < 20; ++i) EXPECT_NEAR(std::stoi(ended_[static_cast<std::size_t>(i)]), i, 3);
}

TEST_F(PoolTest, AnswersManyConcurrentRequestsEachWithItsOwn) {
  make(16);
  open();
  start_many(0, 2'000);
  run_until([&] { return ended_.size() == 2'000; });
  std::ranges::sort(ended_);
  EXPECT_EQ(std::ranges::unique(ended_).size(), 0u);
  EXPECT_LE(server_->stats().most_open_connections, 16u);
}

TEST_F(PoolTest, WaitsForAConnectionNoLongerThanTheRequestMayTake) {
  make(1);
  start_many(0, 1);
  run_until([&] { return holding_ == 1; });
  tasks_.spawn(send("late", {.request_timeout = milliseconds(30)}));
  run_until([&] { return ended_.size() == 1; });
  EXPECT_EQ(ended_[0], "Timeout");
  EXPECT_EQ(transport_->stats().waiting, 0u);
  EXPECT_EQ(transport_->stats().connections, 1u);
}

TEST_F(PoolTest, PassesTheConnectionOfACancelledRequestOn) {
  make(2);
  async::TaskGroup doomed(loop_.get_executor());
  doomed.spawn(send("a"));
  doomed.spawn(send("b"));
  run_until([&] { return holding_ == 2; });
  start_many(0, 4);
  run_until([&] { return transport_->stats().waiting == 4; });
  doomed.cancel();
  run(loop_, doomed.join());
  EXPECT_TRUE(ended_.empty());
  run_until([&] { return transport_->stats().waiting == 2 && transport_->stats().connections_opened == 4; });
  EXPECT_EQ(transport_->stats().connections, 2u);
  open();
  run_until([&] { return ended_.size() == 4; });
}

TEST_F(PoolTest, ForgetsACancelledWaiter) {
  make(1);
  start_many(0, 1);
  run_until([&] { return holding_ == 1; });
  async::TaskGroup doomed(loop_.get_executor());
  for (int i = 0; i < 5; ++i) doomed.spawn(send("doomed"));
  run_until([&] { return transport_->stats().waiting == 5; });
  start_many(1, 2);
  run_until([&] { return transport_->stats().waiting == 6; });
  doomed.cancel();
  run(loop_, doomed.join());
  EXPECT_EQ(transport_->stats().waiting, 1u);
  open();
  run_until([&] { return ended_.size() == 2; });
  EXPECT_EQ(ended_[1], "1");
}

TEST_F(PoolTest, ThrowsOutOfACancelledRequestWhereverItIs) {
  make(4);
  // Cancelled after each number of turns of the loop: in the lookup, the connection, the answer.
  for (int turns = 0; turns < 30; ++turns) {
    async::TaskGroup doomed(loop_.get_executor());
    doomed.spawn(send("doomed"));
    for (int i = 0; i < turns; ++i) loop_.poll_one();
    doomed.cancel();
    run(loop_, doomed.join());
    EXPECT_TRUE(ended_.empty());
    EXPECT_EQ(transport_->stats().connections, 0u) << "after " << turns << " turns";
  }
}

TEST_F(PoolTest, SharesConnectionsByEndpointOnly) {
  make(8);
  open();
  auto other =
      Server::listen(loop_.get_executor(), {}, [this](ServerRequest request) { return hold(std::move(request)); });
  ASSERT_TRUE(other);
  for (int i = 0; i < 3; ++i) {
    run(loop_, send("x"));
    const Request request{.endpoint = (*other)->endpoint()};
    ASSERT_TRUE(run(loop_, transport_->send(request, {})));
  }
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
  EXPECT_EQ((*other)->stats().connections_accepted, 1u);
  (*other)->stop();
  run(loop_, (*other)->join());
}

}  // namespace
}  // namespace dynamirror::http
