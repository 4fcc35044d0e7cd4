// SPDX-License-Identifier: Apache-2.0
//
// Goal: the server answers well-formed requests, refuses the others by name, and never exceeds its bounds.
// Method: bare TCP connections that send exact bytes; the test and the server share one event loop.
#include "http/server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "unit/http/loop_test_kit.hpp"

namespace dynamirror::http {
namespace {

async::Task<ServerResponse> echo(ServerRequest request) {
  std::string text = request.method + " " + request.target + " ";
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-")) text += name + "=" + value + " ";
  }
  ServerResponse response{.status = 200, .headers = {{"x-kind", "echo"}}, .body = text + request.body};
  co_return response;
}

class ServerTest : public testing::Test {
 protected:
  void TearDown() override {
    if (!server_) return;
    server_->stop();
    run(loop_, server_->join());
    EXPECT_EQ(server_->stats().open_connections, 0u);
  }

  void listen(ListenOptions options = {}, Server::Handler handler = echo) {
    auto server = Server::listen(loop_.get_executor(), std::move(options), std::move(handler));
    ASSERT_TRUE(server) << to_line(server.error());
    server_ = std::move(*server);
  }

  /// Everything the server says to these bytes until it closes.
  std::string say(std::string bytes) { return run(loop_, say_to(server_->port(), std::move(bytes))); }

  static async::Task<std::string> say_to(std::uint16_t port, std::string bytes) {
    RawConnection connection = co_await RawConnection::connect(port);
    co_await connection.write(std::move(bytes));
    std::string answer = co_await connection.read_to_end();
    co_return answer;
  }

  boost::asio::io_context loop_{1};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersARequestAndClosesWhenAskedTo) {
  listen();
  EXPECT_EQ(
      say("POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-One: 1\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"),
      "HTTP/1.1 200 OK\r\nx-kind: echo\r\ncontent-length: 24\r\nconnection: close\r\n\r\nPOST /a?b=c x-one=1 body");
}

TEST_F(ServerTest, AnswersManyRequestsOnOneConnectionInTheirOrder) {
  listen();
  const std::string get = "GET /1 HTTP/1.1\r\n\r\n";
  const std::string post = "POST /2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const std::string last = "GET /3 HTTP/1.1\r\nconnection: close\r\n\r\n";
  const std::string answers = say(get + post + last);
  EXPECT_LT(answers.find("GET /1"), answers.find("POST /2 abc"));
  EXPECT_LT(answers.find("POST /2 abc"), answers.find("GET /3"));
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
  EXPECT_EQ(server_->stats().requests, 3u);
}

TEST_F(ServerTest, SendsNoBodyInAnswerToHead) {
  listen();
  EXPECT_EQ(say("HEAD /x HTTP/1.1\r\nconnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nx-kind: echo\r\ncontent-length: 8\r\nconnection: close\r\n\r\n");
}

async::Task<std::string> ask_before_sending(std::uint16_t port) {
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write(
      "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n");
  std::string first = co_await connection.read_until("\r\n\r\n");
  co_await connection.write("hi");
  const std::string second = co_await connection.read_to_end();
  co_return first + "|" + second;
}

TEST_F(ServerTest, InvitesABodyThatAsksFirst) {
  listen();
  const std::string said = run(loop_, ask_before_sending(server_->port()));
  EXPECT_TRUE(said.starts_with("HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 200 OK\r\n")) << said;
  EXPECT_TRUE(said.ends_with("POST / hi")) << said;
}

TEST_F(ServerTest, RefusesWhatItCannotTakeAndCloses) {
  ListenOptions small;
  small.max_request_bytes = 10;
  small.max_head_bytes = 1'000;
  listen(small);
  EXPECT_TRUE(say("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(say("POST / HTTP/1.1\r\ncontent-length: 11\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(say("GET / HTTP/1.1\r\nx: " + std::string(2'000, 'x')).starts_with("HTTP/1.1 431 "));
  EXPECT_EQ(server_->stats().requests, 0u);
}

async::Task<ServerResponse> break_as_told(ServerRequest request) {
  using Break = ServerResponse::Break;
  ServerResponse response{.body = "0123456789"};
  if (request.target == "/nothing") response.break_mode = Break::kCloseBeforeAnswer;
  if (request.target == "/half") response.break_mode = Break::kCloseAfterHalf;
  if (request.target == "/reset") response.break_mode = Break::kReset;
  co_return response;
}

async::Task<boost::system::error_code> end_of(std::uint16_t port, std::string target, std::string& said) {
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write("GET " + target + " HTTP/1.1\r\n\r\n");
  said = co_await connection.read_to_end();
  co_return connection.last_error();
}

TEST_F(ServerTest, PlaysABrokenNetworkWhenToldTo) {
  listen({}, break_as_told);
  std::string said;
  EXPECT_EQ(run(loop_, end_of(server_->port(), "/nothing", said)), boost::asio::error::eof);
  EXPECT_EQ(said, "");
  EXPECT_EQ(run(loop_, end_of(server_->port(), "/half", said)), boost::asio::error::eof);
  EXPECT_EQ(said, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234");
  EXPECT_EQ(run(loop_, end_of(server_->port(), "/reset", said)), boost::asio::error::connection_reset);
  EXPECT_EQ(said, "");
}

async::Task<std::string> say_half(std::uint16_t port) {
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write("POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf");
  std::string said = co_await connection.read_to_end();
  co_return said;
}

TEST_F(ServerTest, ClosesAConnectionThatStaysSilent) {
  ListenOptions impatient;
  impatient.idle_timeout = std::chrono::milliseconds(30);
  listen(impatient);
  EXPECT_EQ(run(loop_, say_half(server_->port())), "");
}

TEST_F(ServerTest, KeepsConnectionsAboveItsLimitWaiting) {
  ListenOptions one;
  one.max_connections = 1;
  listen(one);
  async::TaskGroup clients(loop_.get_executor());
  std::vector<std::string> said;
  for (int i = 0; i < 5; ++i) {
    clients.spawn([](Server& server, std::vector<std::string>& out) -> async::Task<> {
      std::string answer = co_await say_to(server.port(), "GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
      out.push_back(std::move(answer));
    }(*server_, said));
  }
  run(loop_, clients.join());
  EXPECT_EQ(said.size(), 5u);
  EXPECT_EQ(server_->stats().most_open_connections, 1u);
}

async::Task<ServerResponse> never(ServerRequest) {
  async::Signal signal;
  co_await signal.wait();
  co_return ServerResponse{};
}

TEST_F(ServerTest, StopsWithHandlersUnderWay) {
  listen({}, never);
  std::string said;
  start(loop_, [](Server& server, std::string& out) -> async::Task<> {
    (void)co_await end_of(server.port(), "/", out);
    out = "ended";
  }(*server_, said));
  while (server_->stats().requests == 0) loop_.run_one();
  server_->stop();
  run(loop_, server_->join());
  loop_.restart();
  loop_.run();
  EXPECT_EQ(said, "ended");
}

TEST_F(ServerTest, MayBeDestroyedWithConnectionsOpen) {
  listen({}, never);
  std::string said;
  start(loop_, [](std::uint16_t port, std::string& out) -> async::Task<> {
    (void)co_await end_of(port, "/", out);
    out = "ended";
  }(server_->port(), said));
  while (server_->stats().requests == 0) loop_.run_one();
  server_.reset();
  loop_.run();
  EXPECT_EQ(said, "ended");
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  listen();
  ListenOptions taken;
  taken.port = server_->port();
  const auto second = Server::listen(loop_.get_executor(), taken, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error_class, ErrorClass::kConflict);
  ListenOptions name;
  name.address = "localhost";
  const auto by_name = Server::listen(loop_.get_executor(), name, echo);
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().error_class, ErrorClass::kInvalid);
}

}  // namespace
}  // namespace dynamirror::http
