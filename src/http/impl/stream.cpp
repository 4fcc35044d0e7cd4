// SPDX-License-Identifier: Apache-2.0
#include "http/impl/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <iterator>

namespace dynamirror::http::impl {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A TLS record carries up to 16 KiB, each a system call. Up to this size head and body share their records.
constexpr std::size_t kFlattenBytes = 64u << 10;
// Between two system calls: what Asio takes by itself.
constexpr std::size_t kMostAtOnce = 64u << 10;

}  // namespace

struct Stream::Tls {
  Tls(asio::ip::tcp::socket& socket, asio::ssl::context& context) : stream(socket, context) {}
  // OpenSSL would not let a session be resumed whose connection ended without a farewell. HTTP needs none: it knows
  // where a message ends.
  ~Tls() { SSL_set_shutdown(stream.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  asio::ssl::stream<asio::ip::tcp::socket&> stream;
  std::string joined;
};

Stream::Stream(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
Stream::~Stream() = default;

void Stream::use_tls(asio::ssl::context& context) { tls_ = std::make_unique<Tls>(socket_, context); }

ssl_st* Stream::native_tls() { return tls_ ? tls_->stream.native_handle() : nullptr; }

async::Task<> Stream::handshake_as_client(error_code& error) {
  return tls_->stream.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
}

async::Task<> Stream::handshake_as_server(error_code& error) {
  return tls_->stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
}

async::Task<std::size_t> Stream::read_some(asio::mutable_buffer into, error_code& error) {
  if (tls_) return tls_->stream.async_read_some(into, asio::redirect_error(asio::use_awaitable, error));
  return socket_.async_read_some(into, asio::redirect_error(asio::use_awaitable, error));
}

std::size_t Stream::write_now(std::string_view head, std::string_view body) {
  if (tls_) return 0;
  iovec parts[] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

async::Task<std::size_t> Stream::write(std::string_view head, std::string_view body, SteadyTime not_after,
                                       error_code& error) {
  const auto while_allowed = [not_after](const error_code& failed, std::size_t) -> std::size_t {
    const bool late = not_after != kNoDeadline && system_clock().steady_now() >= not_after;
    return failed || late ? 0 : kMostAtOnce;
  };
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
  if (!tls_) return asio::async_write(socket_, parts, while_allowed, asio::redirect_error(asio::use_awaitable, error));
  if (head.size() + body.size() > kFlattenBytes) {
    return asio::async_write(tls_->stream, parts, while_allowed, asio::redirect_error(asio::use_awaitable, error));
  }
  tls_->joined.assign(head).append(body);
  return asio::async_write(tls_->stream, asio::buffer(tls_->joined), while_allowed,
                           asio::redirect_error(asio::use_awaitable, error));
}

void Stream::close() {
  error_code ignored;  // closing cannot be refused, and there is nobody to tell
  socket_.close(ignored);
}

void Stream::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

}  // namespace dynamirror::http::impl
