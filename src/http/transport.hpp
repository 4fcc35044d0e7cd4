// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace dynamirror::http {

/// Where a server listens. `host` is a name or an address (IPv6 without brackets).
struct Endpoint {
  bool tls = true;
  std::string host{};
  std::uint16_t port = 443;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;

  /// "host" or "host:port" as the Host header and the signature want it: the scheme's own port left out, IPv6
  /// bracketed.
  [[nodiscard]] std::string authority() const;
  /// "https://host:port" without the scheme's own port.
  [[nodiscard]] std::string url() const;
  /// True for 127.0.0.0/8, ::1 and "localhost".
  [[nodiscard]] bool loopback() const;
};

/// "http(s)://host[:port][/path]" split; the path keeps its leading slash and is empty when absent.
/// Errors: class invalid, naming the text.
struct Url {
  Endpoint endpoint;
  std::string path_and_query;
};
[[nodiscard]] Result<Url> parse_url(std::string_view text);

/// A URL of scheme, host and port only. Errors: class invalid; the text itself is not repeated: people put passwords
/// into URLs.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

/// Header names are lower-case; order is kept.
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  Endpoint endpoint;
  std::string method = "POST";
  std::string target = "/";  ///< path and query, already percent-encoded
  Headers headers{};         ///< without host, content-length and connection: the transport writes those
  std::string body{};
  /// The request may be sent twice without harm. Only such requests are sent again when a kept-alive connection turns
  /// out to be closed before any byte of the answer arrived.
  bool idempotent = true;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body{};

  /// The first header of this (lower-case) name.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

struct SendOptions {
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds request_timeout{20'000};  ///< from the call to the last byte of the answer
  /// After this no byte of the request is sent any more, even if the process stood still meanwhile (class transient,
  /// code "Timeout"). For writes that only the owner of a lease may make.
  SteadyTime not_after = kNoDeadline;
  std::size_t max_response_bytes = 64u << 20;
};

/// Sends requests over whatever is below: real sockets in production, a script in tests.
///
/// Any HTTP answer, of whatever status, is a success here. Errors: class transient for anything the network did
/// (refused, reset, time-out, half an answer; `code` says which: "Connect", "Resolve", "Timeout", "Closed",
/// "Protocol"; `not_applied` is true when nothing was sent), class invalid for an answer above the limit ("TooLarge"),
/// class denied for a certificate that does not verify ("Tls"). Not thread-safe: one per event loop.
class Transport {
 public:
  virtual ~Transport() = default;

  /// REQUIRES: `request` outlives the task (await at once).
  [[nodiscard]] virtual async::Task<Result<Response>> send(const Request& request, SendOptions options) = 0;
};

}  // namespace dynamirror::http
