// SPDX-License-Identifier: Apache-2.0
//
// Goal: whoever watches the process gets its pages, and no client keeps the others from them: not by silence, not by
// single bytes, not by connections that end half, not by what it sends. Method: bare TCP connections; the test and the
// server share one event loop.
#include "http/page_server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <vector>

#include "unit/http/loop_test_kit.hpp"

namespace dynamirror::http {
namespace {

using namespace std::chrono_literals;

class PageServerTest : public testing::Test {
 protected:
  void TearDown() override {
    if (!server_) return;
    server_->stop();
    run(loop_, server_->join());
    EXPECT_EQ(server_->stats().open_connections, 0u);
  }

  void serve(PageOptions options) {
    options.address = "127.0.0.1";
    auto server = serve_pages(loop_.get_executor(), std::move(options));
    ASSERT_TRUE(server) << to_line(server.error());
    server_ = std::move(*server);
  }
  void serve_health(std::chrono::milliseconds patience = 5s) {
    PageOptions options;
    options.any_other = health_page([this] { return trouble_; }, [] { return "3"; });
    options.pages["/metrics"] = [] { return text_page(200, "lag 1\n"); };
    options.patience = patience;
    serve(std::move(options));
  }

  static async::Task<std::string> say_to(std::uint16_t port, std::string bytes) {
    RawConnection connection = co_await RawConnection::connect(port);
    co_await connection.write(std::move(bytes));
    std::string answer = co_await connection.read_to_end();
    co_return answer;
  }
  std::string say(std::string bytes) { return run(loop_, say_to(server_->port(), std::move(bytes))); }
  std::string get(const std::string& target) { return say("GET " + target + " HTTP/1.1\r\nhost: h\r\n\r\n"); }

  boost::asio::io_context loop_{1};
  std::unique_ptr<Server> server_;
  std::optional<std::string> trouble_;
};

TEST_F(PageServerTest, SaysThatAllIsWellUnderAnyPath) {
  serve_health();
  EXPECT_EQ(get("/"),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n"
            "content-length: 1\r\nconnection: close\r\n\r\n3");
  EXPECT_TRUE(get("/healthz?verbose=1").starts_with("HTTP/1.1 200 "));
}

TEST_F(PageServerTest, SaysWhyItIsNot) {
  serve_health();
  trouble_ = "nothing was replicated for 300 s";
  const std::string said = get("/");
  EXPECT_TRUE(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << said;
  EXPECT_TRUE(said.ends_with("\r\n\r\nnothing was replicated for 300 s\n")) << said;
  trouble_.reset();
  EXPECT_TRUE(get("/").starts_with("HTTP/1.1 200 ")) << "it is asked anew each time";
}

TEST_F(PageServerTest, ShowsEachPageUnderItsPath) {
  serve_health();
  EXPECT_TRUE(get("/metrics").ends_with("\r\n\r\nlag 1\n"));
  EXPECT_TRUE(get("/metrics?name=x").ends_with("\r\n\r\nlag 1\n"));
  PageOptions bare;
  bare.pages["/metrics"] = [] { return text_page(200, "lag 1\n"); };
  server_.reset();
  serve(std::move(bare));
  EXPECT_TRUE(get("/").starts_with("HTTP/1.1 404 "));
}

TEST_F(PageServerTest, AnswersNothingButGetAndHead) {
  serve_health();
  const std::string refused = say("DELETE / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 ")) << refused;
  EXPECT_NE(refused.find("\r\nallow: GET, HEAD\r\n"), std::string::npos);
  const std::string head = say("HEAD / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n")) << head;
}

TEST_F(PageServerTest, RefusesRequestsLargerThanAnyOfItsOwn) {
  serve_health();
  EXPECT_TRUE(say("POST / HTTP/1.1\r\ncontent-length: 2000\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(say("GET / HTTP/1.1\r\nx: " + std::string(9'000, 'x')).starts_with("HTTP/1.1 431 "));
}

TEST_F(PageServerTest, LeavesAClientThatStaysSilent) {
  serve_health(50ms);
  EXPECT_EQ(say("GET / HT"), "");
}

/// A byte now and then, each in time.
async::Task<int> trickle(std::uint16_t port) {
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write("GET / HTTP/1.1\r\nx: ");
  boost::system::error_code ended;
  int bytes = 0;
  while (!ended && bytes < 10'000) {
    ++bytes;
    const std::string byte = "x";
    co_await boost::asio::async_write(connection.socket(), boost::asio::buffer(byte),
                                      boost::asio::redirect_error(boost::asio::use_awaitable, ended));
    co_await async::sleep_for(5ms);
  }
  co_return bytes;
}

TEST_F(PageServerTest, LeavesAClientThatSendsByteByByte) {
  serve_health(100ms);
  EXPECT_LT(run(loop_, trickle(server_->port())), 1'000);
}

/// Ends its own half after the request, as `nc` does.
async::Task<std::string> ask_and_end(std::uint16_t port, std::string bytes) {
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write(std::move(bytes));
  connection.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send);
  std::string said = co_await connection.read_to_end();
  co_return said;
}

TEST_F(PageServerTest, AnswersAClientThatHasEndedItsHalf) {
  serve_health();
  EXPECT_TRUE(run(loop_, ask_and_end(server_->port(), "GET / HTTP/1.1\r\n\r\n")).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(run(loop_, ask_and_end(server_->port(), "GET / HT")), "");
  EXPECT_EQ(run(loop_, ask_and_end(server_->port(), "")), "");
}

/// Opens more connections than the server holds, silent ones, and asks on a further one.
async::Task<std::string> ask_behind_many(std::uint16_t port, std::vector<RawConnection>& silent) {
  for (int i = 0; i < 100; ++i) {
    RawConnection connection = co_await RawConnection::connect(port);
    silent.push_back(std::move(connection));
  }
  RawConnection connection = co_await RawConnection::connect(port);
  co_await connection.write("GET / HTTP/1.1\r\n\r\n");
  std::string said = co_await connection.read_to_end();
  co_return said;
}

TEST_F(PageServerTest, AnswersBehindMoreSilentClientsThanItHolds) {
  serve_health(50ms);
  std::vector<RawConnection> silent;
  EXPECT_TRUE(run(loop_, ask_behind_many(server_->port(), silent)).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(server_->stats().most_open_connections, 32u);
}

}  // namespace
}  // namespace dynamirror::http
