// SPDX-License-Identifier: Apache-2.0
#include "http/impl/dialer.hpp"

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/impl/exchange.hpp"

namespace dynamirror::http::impl {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxProxyAnswerBytes = 64u << 10;

std::unexpected<Error> no_connection(const Endpoint& peer, std::string code, std::string message) {
  return std::unexpected(Error{.error_class = ErrorClass::kTransient,
                               .doing = "connect to",
                               .resource = peer.url(),
                               .code = std::move(code),
                               .message = std::move(message)});
}

void tune(tcp::socket& socket) {
  error_code ignored;  // a connection without them still works
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

/// With the port always: CONNECT knows no default.
std::string host_and_port(const Endpoint& endpoint) {
  return fmt::format(fmt::runtime(endpoint.host.find(':') == std::string::npos ? "{}:{}" : "[{}]:{}"), endpoint.host,
                     endpoint.port);
}

Error proxy_refusal(const Endpoint& endpoint, const Proxy& proxy, int status) {
  const bool denied = status == 401 || status == 403 || status == 407;
  return {.error_class = denied ? ErrorClass::kDenied : ErrorClass::kTransient,
          .doing = "connect to",
          .resource = endpoint.url(),
          .code = "Proxy",
          .message = fmt::format("the proxy {} answered {}{}", proxy.endpoint.authority(), status,
                                 status == 407 ? ": check user and password in HTTPS_PROXY or HTTP_PROXY" : ""),
          .request_id = {},
          .http_status = status};
}

}  // namespace

async::Task<Result<std::unique_ptr<Connection>>> Dialer::dial(const Endpoint& endpoint, const Proxy* proxy,
                                                              TlsSession& session, SteadyTime deadline) {
  auto connection = std::make_unique<Connection>(executor_);
  const Status connected = co_await connect(*connection, proxy != nullptr ? proxy->endpoint : endpoint, deadline);
  if (!connected) co_return std::unexpected(connected.error());
  if (proxy != nullptr) {
    const Status admitted = co_await ask_proxy(*connection, endpoint, *proxy, deadline);
    if (!admitted) co_return std::unexpected(admitted.error());
  }
  if (endpoint.tls) {
    const Status secured = co_await handshake(*connection, endpoint, session, deadline);
    if (!secured) co_return std::unexpected(secured.error());
  }
  co_return connection;
}

async::Task<Status> Dialer::connect(Connection& connection, const Endpoint& peer, SteadyTime deadline) {
  const auto addresses = co_await resolver_.resolve(peer.host, deadline);
  if (!addresses) {
    const bool late = addresses.error() == asio::error::timed_out;
    co_return no_connection(peer, late ? "Timeout" : "Resolve",
                            fmt::format("cannot find the address of {}: {}", peer.host, addresses.error().message()));
  }
  error_code error = asio::error::timed_out;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const SteadyTime now = system_clock().steady_now();
    if (now >= deadline) break;
    // An unreachable first address (often IPv6) must leave time for the others.
    DeadlineWatch::Guard guard(watch_, connection.stream);
    guard.set(now + (deadline - now) / static_cast<int>(addresses->size() - i));
    const tcp::endpoint remote((*addresses)[i], peer.port);
    co_await connection.stream.socket().async_connect(remote, asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error, guard);
    if (!error) {
      tune(connection.stream.socket());
      co_return Status{};
    }
    if (guard.expired()) error = asio::error::timed_out;
    connection.stream.close();
  }
  const bool late = error == asio::error::timed_out;
  co_return no_connection(peer, late ? "Timeout" : "Connect", late ? "no connection in time" : error.message());
}

async::Task<Status> Dialer::ask_proxy(Connection& connection, const Endpoint& endpoint, const Proxy& proxy,
                                      SteadyTime deadline) {
  const std::string target = host_and_port(endpoint);
  connection.head = fmt::format("CONNECT {} HTTP/1.1\r\nhost: {}\r\n", target, target);
  if (!proxy.authorization.empty()) {
    connection.head.append("proxy-authorization: ").append(proxy.authorization.reveal()).append("\r\n");
  }
  connection.head += "\r\n";
  connection.reader.start({.body_bytes = kMaxProxyAnswerBytes}, true);
  DeadlineWatch::Guard guard(watch_, connection.stream);
  guard.set(deadline);
  const auto answered = co_await exchange(connection, {}, guard, kNoDeadline);
  if (!answered) {
    const auto& failed = answered.error();
    co_return no_connection(endpoint, failed.code,
                            fmt::format("asking the proxy {}: {}", proxy.endpoint.authority(), failed.message));
  }
  const Message answer = connection.reader.take_message();
  if (answer.status / 100 != 2) co_return std::unexpected(proxy_refusal(endpoint, proxy, answer.status));
  if (connection.reader.has_leftover()) {
    co_return no_connection(endpoint, "Protocol", "the proxy sent data before the server could have");
  }
  co_return Status{};
}

async::Task<Status> Dialer::handshake(Connection& connection, const Endpoint& endpoint, TlsSession& session,
                                      SteadyTime deadline) {
  if (!tls_) {
    auto context = make_client_context("");
    if (!context) co_return std::unexpected(context.error());
    tls_ = std::move(*context);
  }
  Stream& stream = connection.stream;
  stream.use_tls(*tls_);
  expect_host(stream.native_tls(), endpoint.host);
  session.use_for(stream.native_tls());
  DeadlineWatch::Guard guard(watch_, stream);
  guard.set(deadline);
  error_code error;
  co_await stream.handshake_as_client(error);
  throw_if_cancelled(error, guard);
  if (guard.expired()) co_return no_connection(endpoint, "Timeout", "no TLS handshake in time");
  if (!error) co_return Status{};
  session.clear();  // perhaps it was the session that the server did not like
  co_return std::unexpected(handshake_error(stream.native_tls(), endpoint.url(), error));
}

}  // namespace dynamirror::http::impl
