// SPDX-License-Identifier: Apache-2.0
//
// Goal: an answer is handed over exactly as it came; every way the network can fail is named, within the deadline; a
// request is sent twice only where that is safe.
// Method: the transport against bare sockets that follow a script byte by byte, on the same event loop.
#include <gtest/gtest.h>

#include "async/task_group.hpp"
#include "http/beast_transport.hpp"
#include "unit/http/loop_test_kit.hpp"

namespace dynamirror::http {
namespace {

using std::chrono::milliseconds;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What the server does with each connection in turn: for each request, the bytes to answer with.
struct Script {
  std::vector<std::vector<std::string>> connections;
  bool reset = false;                   ///< end connections with a reset
  bool keep_open = false;               ///< after the last answer, wait for the client to close
  std::vector<std::string> requests{};  ///< as they came, all connections
};

async::Task<> play(RawListener& listener, Script& script) {
  for (const auto& answers : script.connections) {
    RawConnection connection = co_await listener.accept();
    for (const std::string& answer : answers) {
      std::string request = co_await connection.read_until("END");
      script.requests.push_back(std::move(request));
      co_await connection.write(answer);
    }
    if (script.keep_open) (void)co_await connection.read_to_end();
    if (script.reset) connection.socket().set_option(boost::asio::socket_base::linger(true, 0));
  }
  listener.close();
}

class TransportTest : public testing::Test {
 protected:
  void SetUp() override { make({}); }

  void make(TransportOptions options) {
    auto transport = BeastTransport::make(loop_.get_executor(), std::move(options));
    ASSERT_TRUE(transport);
    transport_ = std::move(*transport);
  }

  [[nodiscard]] Request request(std::string method = "POST") const {
    return {.endpoint = {.tls = false, .host = "127.0.0.1", .port = listener_.port()},
            .method = std::move(method),
            .headers = {{"x-a", "1"}},
            .body = "body END"};
  }

  Result<Response> send(const Request& request, SendOptions options = {}) {
    return run(loop_, transport_->send(request, options));
  }

  /// One connection, one answer, then the connection ends.
  Result<Response> answered(std::string bytes, SendOptions options = {}, std::string method = "POST") {
    script_.connections.push_back({std::move(bytes)});
    start(loop_, play(listener_, script_));
    return send(request(std::move(method)), options);
  }

  void expect_failure(const Result<Response>& answer, ErrorClass error_class, const std::string& code) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, code) << to_line(answer.error());
    EXPECT_EQ(answer.error().error_class, error_class) << to_line(answer.error());
    EXPECT_NE(answer.error().resource.find("127.0.0.1"), std::string::npos);
    EXPECT_EQ(transport_->stats().connections, 0u) << "a failed connection stayed in the pool";
  }

  boost::asio::io_context loop_{1};
  RawListener listener_{loop_};
  Script script_;
  std::unique_ptr<BeastTransport> transport_;
};

TEST_F(TransportTest, SendsExactlyTheRequestAndUsesTheConnectionAgain) {
  script_.connections = {{kOk, "HTTP/1.1 404 Not Found\r\nX-B: 2\r\ncontent-length: 0\r\n\r\n"}};
  start(loop_, play(listener_, script_));
  const auto first = send(request());
  ASSERT_TRUE(first) << to_line(first.error());
  EXPECT_EQ(first->body, "ok");
  EXPECT_GE(first->body.capacity(), first->body.size() + 64);
  const auto second = send(request());
  ASSERT_TRUE(second) << to_line(second.error());
  EXPECT_EQ(second->status, 404);
  EXPECT_EQ(second->header("x-b"), "2");
  EXPECT_EQ(script_.requests[1], "POST / HTTP/1.1\r\nhost: 127.0.0.1:" + std::to_string(listener_.port()) +
                                     "\r\nx-a: 1\r\ncontent-length: 8\r\n\r\nbody END");
  EXPECT_EQ(transport_->stats().connections_opened, 1u);
}

TEST_F(TransportTest, ReadsChunksAndSkipsInterimAnswers) {
  const auto answer = answered(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: "
      "chunked\r\n\r\n2\r\nok\r\n3\r\nay!\r\n0\r\n\r\n");
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->body, "okay!");
}

TEST_F(TransportTest, ReadsAnAnswerThatEndsWithTheConnection) {
  const auto answer = answered("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->body, "until the end");
  EXPECT_EQ(transport_->stats().connections, 0u);
}

TEST_F(TransportTest, ExpectsNoBodyAfterHead) {
  script_.keep_open = true;
  const auto answer = answered("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", {}, "HEAD");
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->header("content-length"), "1000");
  EXPECT_EQ(transport_->stats().connections, 1u);
}

TEST_F(TransportTest, SaysNoContentLengthForAGetWithoutBody) {
  script_.connections = {{kOk}};
  start(loop_, play(listener_, script_));
  Request get = request("GET");
  get.body.clear();
  get.headers = {{"x-end", "END"}};
  ASSERT_TRUE(send(get));
  EXPECT_EQ(script_.requests[0].find("content-length"), std::string::npos);
}

TEST_F(TransportTest, ClosesAConnectionTheServerWillNotUseAgain) {
  script_.keep_open = true;
  ASSERT_TRUE(answered("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"));
  EXPECT_EQ(transport_->stats().connections, 0u);
}

TEST_F(TransportTest, ClosesAConnectionThatSaysMoreThanItWasAsked) {
  script_.keep_open = true;
  ASSERT_TRUE(answered(std::string(kOk) + kOk));
  EXPECT_EQ(transport_->stats().connections, 0u);
}

TEST_F(TransportTest, ReportsHalfAnAnswer) {
  expect_failure(answered("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), ErrorClass::kTransient, "Closed");
}

TEST_F(TransportTest, ReportsHalfAHeader) {
  expect_failure(answered("HTTP/1.1 200 OK\r\ncontent-le"), ErrorClass::kTransient, "Closed");
}

TEST_F(TransportTest, ReportsAConnectionClosedWithoutAnAnswer) {
  expect_failure(answered(""), ErrorClass::kTransient, "Closed");
  EXPECT_EQ(transport_->stats().connections_opened, 1u) << "a fresh connection that fails must not be tried again";
}

TEST_F(TransportTest, ReportsAReset) {
  script_.reset = true;
  expect_failure(answered("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), ErrorClass::kTransient, "Closed");
}

TEST_F(TransportTest, ReportsWhatIsNotHttp) {
  expect_failure(answered("SSH-2.0-OpenSSH_9.2p1\r\n\r\n"), ErrorClass::kTransient, "Protocol");
}

TEST_F(TransportTest, RefusesAnAnswerAboveTheLimit) {
  expect_failure(answered("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n", {.max_response_bytes = 100}),
                 ErrorClass::kInvalid, "TooLarge");
}

TEST_F(TransportTest, RefusesAHeaderAboveTheLimit) {
  expect_failure(answered("HTTP/1.1 200 OK\r\nx: " + std::string(100'000, 'x')), ErrorClass::kInvalid, "TooLarge");
}

TEST_F(TransportTest, GivesUpOnAServerThatDoesNotAnswerInTime) {
  script_.keep_open = true;
  const auto began = std::chrono::steady_clock::now();
  expect_failure(answered("HTTP/1.1 200 OK\r\n", {.request_timeout = milliseconds(100)}), ErrorClass::kTransient,
                 "Timeout");
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, milliseconds(100));
  EXPECT_LT(took, std::chrono::seconds(10));
}

TEST_F(TransportTest, ReportsARefusedConnection) {
  const Request to_nobody = request();
  listener_.close();
  const auto answer = send(to_nobody);
  expect_failure(answer, ErrorClass::kTransient, "Connect");
  EXPECT_TRUE(answer.error().not_applied);
}

TEST_F(TransportTest, ReportsANameThatDoesNotExist) {
  Request nowhere = request();
  nowhere.endpoint.host = "does-not-exist.invalid";
  const auto answer = send(nowhere);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().code == "Resolve" || answer.error().code == "Timeout") << to_line(answer.error());
  EXPECT_EQ(answer.error().error_class, ErrorClass::kTransient);
}

TEST_F(TransportTest, RefusesToWriteHeadersThatAValueBringsAlong) {
  for (const char* evil : {"1\r\nx-evil: 1", "1\nx", "\r", "\x01"}) {
    Request bad = request();
    bad.headers = {{"x-a", evil}};
    expect_failure(send(bad), ErrorClass::kInvalid, "Request");
  }
  Request bad = request();
  bad.target = "/ HTTP/1.1\r\nx: y";
  expect_failure(send(bad), ErrorClass::kInvalid, "Request");
  EXPECT_EQ(listener_.accepted(), 0);
}

TEST_F(TransportTest, SendsAnIdempotentRequestAgainWhenTheReusedConnectionWasClosed) {
  script_.connections = {{kOk}, {kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(send(request()));
  const auto again = send(request());
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(transport_->stats().resent, 1u);
  EXPECT_EQ(transport_->stats().connections_opened, 2u);
}

TEST_F(TransportTest, DoesNotSendAgainWhatIsNotIdempotent) {
  script_.connections = {{kOk}, {kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(send(request()));
  Request once = request();
  once.idempotent = false;
  expect_failure(send(once), ErrorClass::kTransient, "Closed");
  EXPECT_EQ(transport_->stats().resent, 0u);
  EXPECT_EQ(script_.requests.size(), 1u);
}

TEST_F(TransportTest, DoesNotSendAgainOnceAByteOfTheAnswerHasCome) {
  script_.connections = {{kOk, "H"}, {kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(send(request()));
  expect_failure(send(request()), ErrorClass::kTransient, "Closed");
}

TEST_F(TransportTest, SendsAgainOnlyOnce) {
  script_.connections = {{kOk}, {""}, {kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(send(request()));
  expect_failure(send(request()), ErrorClass::kTransient, "Closed");
  EXPECT_EQ(transport_->stats().connections_opened, 2u);
}

TEST_F(TransportTest, TakesTheAnswerOfAServerThatRefusesALargeRequestHalfWay) {
  start(loop_, [](RawListener& from) -> async::Task<> {
    RawConnection connection = co_await from.accept();
    (void)co_await connection.read_until("\r\n\r\n");
    co_await connection.write("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig");
    connection.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send);
    (void)co_await connection.read_to_end();
  }(listener_));
  Request large = request();
  large.body.assign(20u << 20, 'x');
  const auto answer = send(large);
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_EQ(answer->status, 413);
}

TEST_F(TransportTest, ReachesAServerByIpv6) {
  RawListener listener(loop_, true);
  script_.connections = {{kOk}};
  start(loop_, play(listener, script_));
  Request v6 = request();
  v6.endpoint = {.tls = false, .host = "::1", .port = listener.port()};
  const auto answer = send(v6);
  ASSERT_TRUE(answer) << to_line(answer.error());
  EXPECT_NE(script_.requests[0].find("host: [::1]:"), std::string::npos);
}

TEST_F(TransportTest, TriesTheOtherAddressesOfAName) {
  // Of localhost's two addresses only one listens.
  script_.connections = {{kOk}};
  start(loop_, play(listener_, script_));
  Request by_name = request();
  by_name.endpoint.host = "localhost";
  const auto answer = send(by_name);
  ASSERT_TRUE(answer) << to_line(answer.error());
}

TEST_F(TransportTest, DoesNotUseAConnectionAgainAfterItsTime) {
  make({.idle_timeout = milliseconds(0)});
  script_.keep_open = true;
  script_.connections = {{kOk}, {kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(send(request()));
  ASSERT_TRUE(send(request()));
  EXPECT_EQ(transport_->stats().connections_opened, 2u);
  EXPECT_EQ(transport_->stats().resent, 0u);
}

TEST_F(TransportTest, LeavesTheEventLoopFreeToEndWhenNothingIsUnderWay) {
  script_.connections = {{kOk}};
  start(loop_, play(listener_, script_));
  ASSERT_TRUE(
      send(request(), {.connect_timeout = std::chrono::seconds(30), .request_timeout = std::chrono::seconds(30)}));
  EXPECT_EQ(transport_->stats().connections, 1u);
  const auto began = std::chrono::steady_clock::now();
  loop_.restart();
  loop_.run_for(std::chrono::seconds(15));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST_F(TransportTest, MayBeDestroyedWhileARequestIsUnderWay) {
  script_.keep_open = true;
  script_.connections = {{""}};
  start(loop_, play(listener_, script_));
  bool ended = false;
  const Request pending = request();
  boost::asio::co_spawn(loop_, transport_->send(pending, {.request_timeout = milliseconds(50)}),
                        [&](std::exception_ptr, Result<Response> answer) {
                          ended = true;
                          EXPECT_EQ(answer.error().code, "Timeout");
                        });
  loop_.poll();
  transport_.reset();
  while (!ended && loop_.run_one() > 0) {
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace dynamirror::http
