// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <iterator>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "base/text.hpp"
#include "http/impl/deadline_watch.hpp"
#include "http/impl/message_reader.hpp"
#include "http/impl/stream.hpp"
#include "http/impl/tls.hpp"

namespace dynamirror::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using impl::MessageReader;

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "";  // optional in HTTP/1.1
  }
}

bool without_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

/// `out` is reused between answers.
void write_head(std::string& out, const ServerResponse& response, bool keep_alive) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  for (const auto& [name, value] : response.headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!without_body(response.status)) {
    fmt::format_to(std::back_inserter(out), "content-length: {}\r\n", response.body.size());
  }
  if (!keep_alive) out += "connection: close\r\n";
  out += "\r\n";
}

bool expects_continue(const Headers& headers) {
  return std::ranges::any_of(headers, [](const auto& header) {
    return header.first == "expect" && to_lower(header.second) == "100-continue";
  });
}

int status_for(MessageReader::Progress progress) {
  switch (progress) {
    case MessageReader::Progress::kHeadTooLarge:
      return 431;
    case MessageReader::Progress::kBodyTooLarge:
      return 413;
    default:
      return 400;
  }
}

}  // namespace

/// Lives until the server object is gone and its last connection has ended: every task holds it.
class Server::Core : public std::enable_shared_from_this<Server::Core> {
 public:
  Core(const asio::any_io_executor& executor, ListenOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        acceptor_(executor),
        watch_(executor),
        tasks_(executor) {}

  Status open() {
    if (!options_.tls_certificate_pem.empty()) {
      auto context = impl::make_server_context(options_.tls_certificate_pem, options_.tls_key_pem);
      if (!context) return std::unexpected(context.error());
      tls_ = std::move(*context);
    }
    error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return failure(ErrorClass::kInvalid, "listen", options_.address, "not an IPv4 or IPv6 address");
    const tcp::endpoint local(address, options_.port);
    acceptor_.open(local.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(local, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return listen_failure(error);
    local_ = acceptor_.local_endpoint();
    return {};
  }

  void serve() { tasks_.spawn(accept_all(shared_from_this())); }

  void stop() {
    error_code ignored;
    acceptor_.close(ignored);
    tasks_.cancel();
  }

  async::Task<> join() { return tasks_.join(); }

  /// Stops, and lives on until the last task has ended: the group must not go before its tasks.
  void retire() {
    stop();
    if (tasks_.size() > 0) asio::co_spawn(acceptor_.get_executor(), drain(shared_from_this()), asio::detached);
  }

  [[nodiscard]] Endpoint endpoint() const {
    return {.tls = tls_ != nullptr, .host = local_.address().to_string(), .port = local_.port()};
  }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Connection {
    Connection(tcp::socket socket, impl::DeadlineWatch& watch) : stream(std::move(socket)), deadline(watch, stream) {}
    impl::Stream stream;
    impl::DeadlineWatch::Guard deadline;
    MessageReader reader{MessageReader::Kind::kRequest};
    std::string head;
    std::string peer;
  };

  std::unexpected<Error> listen_failure(const error_code& error) const {
    const auto error_class = error == asio::error::address_in_use  ? ErrorClass::kConflict
                             : error == asio::error::access_denied ? ErrorClass::kDenied
                                                                   : ErrorClass::kInvalid;
    return failure(error_class, "listen", fmt::format("{}:{}", options_.address, options_.port), error.message());
  }

  static async::Task<> drain(std::shared_ptr<Core> self) { co_await self->tasks_.join(); }

  static async::Task<> accept_all(std::shared_ptr<Core> self) {
    while (self->acceptor_.is_open()) {
      while (self->stats_.open_connections >= self->options_.max_connections) co_await self->connection_ended_.wait();
      error_code error;
      tcp::socket socket = co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) co_return;
      if (error) {
        // Out of file descriptors, or the client was gone already: spinning on it would take the whole loop.
        co_await async::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      ++self->stats_.connections_accepted;
      self->tasks_.spawn(serve_connection(self, std::move(socket)));
      self->stats_.most_open_connections =
          std::max(self->stats_.most_open_connections, ++self->stats_.open_connections);
    }
  }

  /// Counts a connection out, however its task ends.
  class OpenConnection {
   public:
    explicit OpenConnection(Core& core) : core_(core) {}
    OpenConnection(const OpenConnection&) = delete;
    OpenConnection& operator=(const OpenConnection&) = delete;
    ~OpenConnection() {
      --core_.stats_.open_connections;
      core_.connection_ended_.notify();
    }

   private:
    Core& core_;
  };

  static async::Task<> serve_connection(std::shared_ptr<Core> self, tcp::socket socket) {
    const OpenConnection counted(*self);
    error_code error;
    const auto remote = socket.remote_endpoint(error);
    socket.set_option(tcp::no_delay(true), error);
    Connection connection(std::move(socket), self->watch_);
    connection.peer = Endpoint{.tls = true, .host = remote.address().to_string(), .port = remote.port()}.authority();
    if (self->tls_) {
      connection.stream.use_tls(*self->tls_);
      self->expect_progress(connection);
      co_await connection.stream.handshake_as_server(error);
      if (error) co_return;
    }
    bool more = true;
    while (more) more = co_await self->serve_one(connection);
  }

  /// Reads a request and answers it. False when the connection is done.
  async::Task<bool> serve_one(Connection& connection) {
    auto& reader = connection.reader;
    reader.start({.head_bytes = options_.max_head_bytes, .body_bytes = options_.max_request_bytes});
    const bool arrived = co_await read_request(connection);
    if (!arrived) co_return false;
    if (reader.progress() != MessageReader::Progress::kComplete) {
      const ServerResponse refusal{.status = status_for(reader.progress()), .body = reader.problem() + "\n"};
      co_await send(connection, refusal, refusal.body, false);
      co_return false;
    }
    impl::Message message = reader.take_message();
    const bool keep_alive = message.keep_alive;
    const bool head_only = message.method == "HEAD";
    ServerRequest request{.method = std::move(message.method),
                          .target = std::move(message.target),
                          .headers = std::move(message.headers),
                          .body = std::move(message.body),
                          .peer = connection.peer};
    ++stats_.requests;
    connection.deadline.clear();
    const ServerResponse response = co_await handler_(std::move(request));
    co_return co_await answer(connection, response, keep_alive, head_only);
  }

  /// False when the connection ended before a request had come.
  async::Task<bool> read_request(Connection& connection) {
    auto& reader = connection.reader;
    bool continued = false;
    const bool limited = options_.request_timeout.count() > 0;
    const SteadyTime end = limited ? system_clock().steady_now() + options_.request_timeout : kNoDeadline;
    while (reader.progress() == MessageReader::Progress::kMore) {
      expect_progress(connection, end);
      error_code error;
      if (!continued && reader.head_complete() && expects_continue(reader.message().headers)) {
        continued = true;
        connection.head = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await connection.stream.write(connection.head, {}, kNoDeadline, error);
      }
      const auto room = reader.prepare();
      const std::size_t size = co_await connection.stream.read_some(asio::buffer(room.data(), room.size()), error);
      if (error == asio::error::operation_aborted && !connection.deadline.expired()) {
        throw boost::system::system_error(error);
      }
      if (error) co_return false;
      reader.commit(size);
    }
    co_return true;
  }

  async::Task<bool> answer(Connection& connection, const ServerResponse& response, bool keep_alive, bool head_only) {
    using Break = ServerResponse::Break;
    const bool stays = keep_alive && !response.close_after && response.break_mode == Break::kNone;
    const std::string_view body = head_only || without_body(response.status) ? std::string_view{} : response.body;
    switch (response.break_mode) {
      case Break::kNone:
        break;
      case Break::kCloseBeforeAnswer:
        co_return false;
      case Break::kCloseAfterHalf:
        co_await send(connection, response, body.substr(0, body.size() / 2), true);
        co_return false;
      case Break::kReset:
        connection.stream.reset();
        co_return false;
    }
    const bool sent = co_await send(connection, response, body, stays);
    co_return (sent && stays);
  }

  async::Task<bool> send(Connection& connection, const ServerResponse& response, std::string_view body,
                         bool keep_alive) {
    write_head(connection.head, response, keep_alive);
    expect_progress(connection);
    error_code error;
    co_await connection.stream.write(connection.head, body, kNoDeadline, error);
    if (error == asio::error::operation_aborted && !connection.deadline.expired()) {
      throw boost::system::system_error(error);
    }
    co_return !error;
  }

  void expect_progress(Connection& connection, SteadyTime end = kNoDeadline) {
    connection.deadline.set(std::min<SteadyTime>(end, system_clock().steady_now() + options_.idle_timeout));
  }

  const ListenOptions options_;
  const Handler handler_;
  std::unique_ptr<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  tcp::endpoint local_;
  impl::DeadlineWatch watch_;
  async::Signal connection_ended_;
  Stats stats_;
  async::TaskGroup tasks_;
};

Result<std::unique_ptr<Server>> Server::listen(asio::any_io_executor executor, ListenOptions options, Handler handler) {
  auto core = std::make_shared<Core>(executor, std::move(options), std::move(handler));
  if (auto opened = core->open(); !opened) return std::unexpected(opened.error());
  core->serve();
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Server::~Server() { core_->retire(); }

std::uint16_t Server::port() const { return core_->endpoint().port; }
Endpoint Server::endpoint() const { return core_->endpoint(); }
Server::Stats Server::stats() const { return core_->stats(); }
void Server::stop() { core_->stop(); }
async::Task<> Server::join() { return core_->join(); }

}  // namespace dynamirror::http
