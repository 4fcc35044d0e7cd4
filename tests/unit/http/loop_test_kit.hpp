// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>

#include "async/sleep.hpp"
#include "async/task.hpp"

namespace dynamirror::http {

inline constexpr std::chrono::seconds kTestLimit{20};

/// Runs the loop until the task has ended; fails the test when that takes longer than any test may.
template <class T>
T run(boost::asio::io_context& loop, async::Task<T> task) {
  std::optional<T> out;
  std::exception_ptr failure;
  bool done = false;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
    failure = error;
    if (!error) out.emplace(std::move(value));
    done = true;
  });
  loop.restart();
  const auto limit = std::chrono::steady_clock::now() + kTestLimit;
  while (!done && loop.run_one_until(limit) > 0) {
  }
  if (failure) std::rethrow_exception(failure);
  if (!out) throw std::runtime_error("the task did not end");
  return std::move(*out);
}

namespace detail {
inline async::Task<bool> as_value(async::Task<> task) {
  co_await std::move(task);
  co_return true;
}
}  // namespace detail

inline void run(boost::asio::io_context& loop, async::Task<> task) {
  (void)run(loop, detail::as_value(std::move(task)));
}

/// A bare TCP connection, so that tests can say exactly which bytes pass.
class RawConnection {
 public:
  explicit RawConnection(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  static async::Task<RawConnection> connect(std::uint16_t port) {
    boost::asio::ip::tcp::socket socket(co_await boost::asio::this_coro::executor);
    const boost::asio::ip::tcp::endpoint remote(boost::asio::ip::address_v4::loopback(), port);
    co_await socket.async_connect(remote, boost::asio::use_awaitable);
    co_return RawConnection(std::move(socket));
  }

  async::Task<> write(std::string bytes) {
    co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), boost::asio::use_awaitable);
  }

  /// Reads until `text` has come; what follows stays for the next call. Everything there is when the peer ends first.
  async::Task<std::string> read_until(std::string text) {
    std::size_t at = pending_.find(text);
    while (at == std::string::npos) {
      const bool more = co_await read_more();
      if (!more) co_return std::exchange(pending_, {});
      at = pending_.find(text);
    }
    at += text.size();
    std::string out = pending_.substr(0, at);
    pending_.erase(0, at);
    co_return out;
  }

  async::Task<std::string> read_exactly(std::size_t size) {
    while (pending_.size() < size) {
      const bool more = co_await read_more();
      if (!more) co_return std::exchange(pending_, {});
    }
    std::string out = pending_.substr(0, size);
    pending_.erase(0, size);
    co_return out;
  }

  async::Task<std::string> read_to_end() {
    bool more = true;
    while (more) more = co_await read_more();
    co_return std::exchange(pending_, {});
  }

  boost::asio::ip::tcp::socket& socket() { return socket_; }
  /// How the last read ended: nothing, end of file, reset.
  [[nodiscard]] boost::system::error_code last_error() const { return last_error_; }

 private:
  async::Task<bool> read_more() {
    std::array<char, 65536> chunk;
    boost::system::error_code error;
    const std::size_t size = co_await socket_.async_read_some(
        boost::asio::buffer(chunk), boost::asio::redirect_error(boost::asio::use_awaitable, error));
    if (error == boost::asio::error::operation_aborted) throw boost::system::system_error(error);
    last_error_ = error;
    pending_.append(chunk.data(), size);
    co_return !error;
  }

  boost::asio::ip::tcp::socket socket_;
  std::string pending_;
  boost::system::error_code last_error_;
};

/// Waits for bare connections on a free port of 127.0.0.1 (or ::1).
class RawListener {
 public:
  explicit RawListener(boost::asio::io_context& loop, bool ipv6 = false)
      : acceptor_(loop, ipv6 ? boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v6::loopback(), 0)
                             : boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()) {}

  async::Task<RawConnection> accept() {
    boost::asio::ip::tcp::socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
    ++accepted_;
    co_return RawConnection(std::move(socket));
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }
  void close() { acceptor_.close(); }

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  int accepted_ = 0;
};

/// Runs a script beside the test; an exception in it fails the test.
inline void start(boost::asio::io_context& loop, async::Task<> script) {
  boost::asio::co_spawn(loop, std::move(script), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace dynamirror::http
