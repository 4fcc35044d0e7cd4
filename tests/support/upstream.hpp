// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

/// The way from a proxy to the server behind it: kept-alive connections over plain HTTP, one request each at a time.
/// Not thread-safe: lives on one event loop.
class Upstream {
 public:
  Upstream(std::string host, std::uint16_t port);
  ~Upstream();

  /// Sends the request with its headers as they are (but for content-length) and returns the answer without those
  /// headers that belong to the connection. Nothing when the server cannot be reached or hangs up. A connection that
  /// turns out to be closed is replaced once, so a request can arrive twice.
  [[nodiscard]] async::Task<std::optional<WireReply>> forward(const WireRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
