// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.hpp"

namespace dynamirror::support {

/// Header names lower-cased, order and repetitions kept.
using WireHeaders = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] std::optional<std::string_view> find_header(const WireHeaders& headers, std::string_view name);

struct WireRequest {
  std::string method;
  std::string target;
  WireHeaders headers;
  std::string body;
};

/// How much of an answer really goes out: the misbehaviour of networks and dying servers.
enum class Delivery {
  kComplete,
  kClose,  ///< the connection is closed without a byte
  kHalf,   ///< the headers promise the whole body, half of it follows, then the connection is closed
  kNever,  ///< the connection stays open and silent until the client gives up or the server is stopped
};

struct WireReply {
  int status = 200;
  WireHeaders headers;  ///< without content-length and date: the server writes those
  std::string body;
  Delivery delivery = Delivery::kComplete;
  std::chrono::microseconds delay{0};    ///< before anything is sent
  std::function<void()> on_delivered{};  ///< runs on the server's thread once nothing more will be sent
};

/// A small HTTP/1.1 server with control over every byte, on a thread of its own. It shares no code with the program
/// under test, and refuses what that program should never send: chunked bodies, missing Host or Content-Length,
/// repeated headers, malformed header lines (400 or 501, then close).
///
/// Thread-safe: all members may be called from any thread but the server's own.
class WireServer {
 public:
  struct Options {
    std::uint16_t port = 0;  ///< on 127.0.0.1; 0 takes a free one
    std::size_t max_body_bytes = 32u << 20;
  };

  /// Runs on the server's thread, several at once (interleaved at suspensions).
  using Handler = std::function<async::Task<WireReply>(WireRequest)>;

  /// Listens on return. Throws when the port is taken.
  WireServer(Options options, Handler handler);
  /// Closes everything and ends the thread; handlers under way are dropped.
  ~WireServer();
  WireServer(const WireServer&) = delete;
  WireServer& operator=(const WireServer&) = delete;

  /// Ends the thread; nothing is served any more, and what handlers left on the event loop stays until destruction.
  void stop();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::uint64_t connections_accepted() const;

  /// Closes every connection now, also idle kept-alive ones, whose clients learn of it only at their next request.
  void drop_connections();

  /// Refuses connections (the port stays reserved by nobody) until `come_back`. Takes effect before returning.
  void go_away();
  void come_back();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
