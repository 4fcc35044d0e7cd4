// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "support/request_check.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

/// A blocking client for one server on 127.0.0.1 that signs as the specification says and sends whatever it is told,
/// right or wrong: for testing the stand-ins, and for looking into a table without the program's own clients.
/// Not thread-safe.
class RawClient {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::string region = "eu-west-1";
    Identity identity{};
  };
  explicit RawClient(Options options);
  ~RawClient();

  struct Answer {
    int status = 0;  ///< 0: the connection ended before a whole head
    WireHeaders headers{};
    std::string body{};
    bool complete = false;  ///< the body has its declared length
  };

  /// Sends `body` to "DynamoDB_20120810.PutItem" or the like. `before_signing` and `after_signing` may change the
  /// request.
  using Change = std::function<void(WireRequest&)>;
  Answer call(std::string_view target, std::string_view body, const Change& before_signing = {},
              const Change& after_signing = {});

  /// Bytes as they are, on a connection of their own; reads until the server closes.
  [[nodiscard]] std::string send_bytes(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::support
