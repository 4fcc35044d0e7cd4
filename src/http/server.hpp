// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/transport.hpp"

namespace dynamirror::http {

struct ServerRequest {
  std::string method;
  std::string target;  ///< path and query as received
  Headers headers;     ///< lower-case names, in order, including host
  std::string body;    ///< chunks joined
  std::string peer;    ///< "127.0.0.1:54321"
};

struct ServerResponse {
  int status = 200;
  Headers headers{};  ///< without content-length and connection: the server writes those
  std::string body{};

  /// For tests that play a broken network.
  enum class Break {
    kNone,
    kCloseBeforeAnswer,
    kCloseAfterHalf,  ///< the whole length is declared, half of the body is sent
    kReset,           ///< the client sees a connection reset instead of an answer
  };
  Break break_mode = Break::kNone;
  bool close_after = false;  ///< answer with "connection: close"
};

struct ListenOptions {
  std::string address = "127.0.0.1";    ///< IPv4 or IPv6 address, no name
  std::uint16_t port = 0;               ///< 0: any free one
  std::size_t max_connections = 1'024;  ///< more wait in the kernel's queue until one ends
  std::size_t max_request_bytes = 32u << 20;
  std::size_t max_head_bytes = 64u << 10;
  std::chrono::milliseconds idle_timeout{60'000};  ///< longest wait for the next bytes of a request, or to write some
  /// Longest wait for a whole request, from the answer before it on: however steadily its bytes come. 0: no limit.
  std::chrono::milliseconds request_timeout{0};
  std::string tls_certificate_pem{};  ///< chain, leaf first; empty: plain HTTP
  std::string tls_key_pem{};
};

/// A small HTTP/1.1 server: keep-alive, bounded connections and sizes, Expect: 100-continue, optional TLS. It answers
/// 400, 413 and 431 by itself and closes.
///
/// Serves from listen() until stop(). Handlers of different connections run interleaved on the event loop; requests of
/// one connection run one after the other. Not thread-safe: everything on one event loop.
class Server {
 public:
  using Handler = std::function<async::Task<ServerResponse>(ServerRequest)>;

  struct Stats {
    std::uint64_t connections_accepted = 0;
    std::uint64_t requests = 0;  ///< handed to the handler
    std::size_t open_connections = 0;
    std::size_t most_open_connections = 0;
  };

  /// Errors: class invalid for a bad address, certificate or key; class conflict for a port in use; class denied for a
  /// port that needs rights.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(boost::asio::any_io_executor executor,
                                                              ListenOptions options, Handler handler);

  /// Stops; what is still under way ends with the event loop's next turns (join() to await that). REQUIRES: the event
  /// loop still exists.
  ~Server();

  [[nodiscard]] std::uint16_t port() const;
  /// Where to reach it: the address and port listened on.
  [[nodiscard]] Endpoint endpoint() const;
  [[nodiscard]] Stats stats() const;

  /// No new connections; cancels handlers and closes all connections. Await join() for the end.
  void stop();

  /// Waits until no handler runs and every connection is closed. REQUIRES: stop() was or will be called.
  [[nodiscard]] async::Task<> join();

 private:
  class Core;
  explicit Server(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace dynamirror::http
