// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <string_view>

#include "async/task.hpp"
#include "base/clock.hpp"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming)
}

struct ssl_st;

namespace dynamirror::http::impl {

/// A TCP connection, in plain or under TLS. Failures come back in `error`; operation_aborted means that the task was
/// cancelled or that close() was called. At most one read and one write at a time.
/// Not thread-safe.
class Stream {
 public:
  using error_code = boost::system::error_code;

  explicit Stream(boost::asio::ip::tcp::socket socket);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  [[nodiscard]] boost::asio::ip::tcp::socket& socket() { return socket_; }

  /// Sets TLS up on the connection, before a handshake. `context` outlives the stream.
  void use_tls(boost::asio::ssl::context& context);
  [[nodiscard]] bool tls() const { return tls_ != nullptr; }
  /// OpenSSL's view of the connection, or null.
  [[nodiscard]] ssl_st* native_tls();

  /// REQUIRES: use_tls(). All tasks: await at once; the references are used until the task ends.
  [[nodiscard]] async::Task<> handshake_as_client(error_code& error);
  [[nodiscard]] async::Task<> handshake_as_server(error_code& error);

  /// At least one byte, or an error.
  [[nodiscard]] async::Task<std::size_t> read_some(boost::asio::mutable_buffer into, error_code& error);

  /// Sends as much of both as goes without waiting; the number of bytes. Always 0 under TLS, and on errors, which
  /// write() then reports. A request hardly ever fills the socket's buffer, and a whole turn of the event loop is
  /// saved.
  [[nodiscard]] std::size_t write_now(std::string_view head, std::string_view body);

  /// Sends both, with as few system calls as it takes; the bytes are used until the task ends. What is not sent by
  /// `not_after` is not sent at all: then fewer bytes have gone, without an error.
  [[nodiscard]] async::Task<std::size_t> write(std::string_view head, std::string_view body, SteadyTime not_after,
                                               error_code& error);

  /// At once and without TLS's farewell: HTTP knows where a message ends. What is under way ends with
  /// operation_aborted.
  void close();
  /// Closes so that the peer sees a reset.
  void reset();

 private:
  struct Tls;

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace dynamirror::http::impl
