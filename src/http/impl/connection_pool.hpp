// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/signal.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "http/impl/message_reader.hpp"
#include "http/impl/stream.hpp"
#include "http/impl/tls.hpp"

namespace dynamirror::http::impl {

/// An established connection on which no request is under way when it is in the pool.
struct Connection {
  explicit Connection(const boost::asio::any_io_executor& executor) : stream(boost::asio::ip::tcp::socket(executor)) {}

  Stream stream;
  MessageReader reader{MessageReader::Kind::kResponse};
  std::string head;  ///< of the request; kept for its capacity
  bool reused = false;
  SteadyTime idle_since{};
};

/// The connections to one endpoint: at most `limit` at a time, waiting ones served first come first served, the most
/// recently used connection handed out first, so that those no longer needed grow old together.
///
/// Not thread-safe. REQUIRES: outlives its leases and waiters.
class ConnectionPool {
 public:
  /// REQUIRES: limit > 0.
  ConnectionPool(std::size_t limit, Duration idle_timeout) : limit_(limit), idle_timeout_(idle_timeout) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// The right to one connection. When it ends, the connection is closed unless keep() was called, and the right passes
  /// to the next in line.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

    /// Null: the holder is to make one.
    [[nodiscard]] Connection* connection() const { return connection_.get(); }
    void set(std::unique_ptr<Connection> connection) { connection_ = std::move(connection); }
    void drop() { connection_.reset(); }
    /// The connection may serve another request.
    void keep() { keep_ = true; }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
    bool keep_ = false;
  };

  /// Nothing when all connections are in use.
  [[nodiscard]] std::optional<Lease> try_take(SteadyTime now);

  /// Nothing when none became free before the deadline. REQUIRES: try_take() gave nothing in this turn of the loop.
  [[nodiscard]] async::Task<std::optional<Lease>> wait(SteadyTime deadline);

  /// Closes idle connections that are too old.
  void close_old(SteadyTime now);

  [[nodiscard]] std::size_t open() const { return open_; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }
  [[nodiscard]] TlsSession& tls_session() { return tls_session_; }

 private:
  struct Waiter {
    async::Signal granted;
    std::optional<Lease> lease;
  };
  class Place;

  void give_back(std::unique_ptr<Connection> connection);

  const std::size_t limit_;
  const Duration idle_timeout_;
  TlsSession tls_session_;                         // outlives the connections
  std::size_t open_ = 0;                           // leases and idle connections
  std::vector<std::unique_ptr<Connection>> idle_;  // most recently used last
  std::list<Waiter*> waiters_;                     // oldest first; empty unless open_ == limit_ and idle_ is empty
};

}  // namespace dynamirror::http::impl
