// SPDX-License-Identifier: Apache-2.0
#include "support/wire_server.hpp"

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <set>
#include <thread>

#include "support/wire_format.hpp"

namespace dynamirror::support {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxHeadBytes = 64u << 10;

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

/// One accepted connection: its socket and what has been read ahead.
struct Connection {
  explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}
  tcp::socket socket;
  std::string buffer;
};

WireReply refusal(int status, std::string reason) {
  WireReply reply;
  reply.status = status;
  reply.body = std::move(reason);
  reply.headers.emplace_back("content-type", "text/plain");
  return reply;
}

/// Sends what the reply's delivery says. True when the connection can serve another request.
async::Task<bool> deliver(Connection& connection, const WireReply& reply) {
  error_code error;
  if (reply.delay.count() > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor, reply.delay);
    co_await timer.async_wait(into(error));
  }
  if (reply.delivery == Delivery::kClose) co_return false;
  if (reply.delivery == Delivery::kNever) {
    // Nothing more is expected from the client: the read ends when it hangs up.
    char byte = 0;
    co_await asio::async_read(connection.socket, asio::buffer(&byte, 1), into(error));
    co_return false;
  }
  const std::string head = format_reply_head(reply);
  const bool half = reply.delivery == Delivery::kHalf;
  const std::size_t body_bytes = half ? reply.body.size() / 2 : reply.body.size();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(reply.body.data(), body_bytes)};
  co_await asio::async_write(connection.socket, parts, into(error));
  co_return !error && !half;
}

struct ReadResult {
  std::optional<WireRequest> request;
  std::optional<WireReply> refusal;  ///< what to say before closing
};

/// The next request; neither part set when the client hung up.
async::Task<ReadResult> read_request(Connection& connection, std::size_t max_body_bytes) {
  error_code error;
  ReadResult result;
  const std::size_t head_bytes = co_await asio::async_read_until(
      connection.socket, asio::dynamic_buffer(connection.buffer, kMaxHeadBytes), "\r\n\r\n", into(error));
  if (error == asio::error::not_found) result.refusal = refusal(431, "head too large");
  if (error) co_return result;

  ParsedHead head = parse_request_head(std::string_view(connection.buffer).substr(0, head_bytes));
  if (head.status != 0) {
    result.refusal = refusal(head.status, head.problem);
    co_return result;
  }
  if (head.content_length > max_body_bytes) {
    result.refusal = refusal(413, "body too large");
    co_return result;
  }
  connection.buffer.erase(0, head_bytes);
  if (connection.buffer.size() < head.content_length) {
    const std::size_t have = connection.buffer.size();
    connection.buffer.resize(head.content_length);
    const auto rest = asio::buffer(connection.buffer.data() + have, head.content_length - have);
    co_await asio::async_read(connection.socket, rest, into(error));
    if (error) co_return result;
  }
  head.request.body = connection.buffer.substr(0, head.content_length);
  connection.buffer.erase(0, head.content_length);
  result.request = std::move(head.request);
  co_return result;
}

}  // namespace

struct WireServer::Impl {
  Impl(Options options, Handler handler) : options(options), handler(std::move(handler)), acceptor(io) {
    listen(options.port);
    port = acceptor.local_endpoint().port();
    asio::co_spawn(io, accept_loop(), asio::detached);
    thread = std::thread([this] { io.run(); });
  }

  ~Impl() { stop(); }

  void stop() {
    io.stop();
    if (thread.joinable()) thread.join();
  }

  void listen(std::uint16_t on_port) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), on_port);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  }

  async::Task<> accept_loop() {
    for (;;) {
      error_code error;
      tcp::socket socket = co_await acceptor.async_accept(into(error));
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (error) continue;
      ++accepted;
      socket.set_option(tcp::no_delay(true), error);
      asio::co_spawn(io, serve(std::move(socket)), asio::detached);
    }
  }

  async::Task<> serve(tcp::socket socket) {
    const auto connection = std::make_shared<Connection>(std::move(socket));
    open.insert(connection.get());
    bool go_on = true;
    while (go_on) {
      ReadResult read = co_await read_request(*connection, options.max_body_bytes);
      if (read.refusal) {
        co_await deliver(*connection, *read.refusal);
        break;
      }
      if (!read.request) break;
      const bool last = find_header(read.request->headers, "connection") == "close";
      const WireReply reply = co_await handler(std::move(*read.request));
      go_on = co_await deliver(*connection, reply);
      if (reply.on_delivered) reply.on_delivered();
      go_on = go_on && !last;
    }
    open.erase(connection.get());
  }

  void close_all() {
    for (Connection* connection : open) {
      error_code ignored;
      connection->socket.close(ignored);
    }
  }

  /// Runs `action` on the server's thread and waits for it.
  void on_loop(std::function<void()> action) {
    // Shared, because the waiter may be gone while set_value still returns.
    const auto done = std::make_shared<std::promise<void>>();
    asio::post(io, [action = std::move(action), done] {
      action();
      done->set_value();
    });
    done->get_future().wait();
  }

  Options options;
  Handler handler;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);  // runs also while away
  tcp::acceptor acceptor;
  std::set<Connection*> open;  // each owned by its coroutine
  std::atomic<std::uint64_t> accepted{0};
  std::uint16_t port = 0;
  std::thread thread;
};

WireServer::WireServer(Options options, Handler handler) : impl_(std::make_unique<Impl>(options, std::move(handler))) {}
WireServer::~WireServer() = default;

void WireServer::stop() { impl_->stop(); }
std::uint16_t WireServer::port() const { return impl_->port; }
std::uint64_t WireServer::connections_accepted() const { return impl_->accepted; }
void WireServer::drop_connections() {
  impl_->on_loop([this] { impl_->close_all(); });
}

void WireServer::go_away() {
  impl_->on_loop([this] {
    impl_->acceptor.close();
    impl_->close_all();
  });
}

void WireServer::come_back() {
  impl_->on_loop([this] {
    impl_->listen(impl_->port);
    asio::co_spawn(impl_->io, impl_->accept_loop(), asio::detached);
  });
}

}  // namespace dynamirror::support
