// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "http/proxy.hpp"
#include "http/transport.hpp"

namespace dynamirror::http {

struct TransportOptions {
  /// Open connections to one endpoint at a time; more requests wait, first come first served, within their deadline.
  std::size_t max_connections_per_endpoint = 64;
  /// Kept-alive connections are not used again after this pause. Below the 60 s after which AWS closes them.
  std::chrono::milliseconds idle_timeout{50'000};
  /// File of trusted authorities in PEM, in place of the system's store (AWS_CA_BUNDLE).
  std::string ca_bundle{};
  ProxyOptions proxy{};
};

/// HTTP/1.1 over real sockets: a keep-alive pool for each endpoint, TLS 1.2 and later with verification of chain and
/// host name, proxies by CONNECT (plain http, too, so that one code path and one trust model serve both), IPv4 and
/// IPv6.
///
/// send() beyond what Transport says:
/// - `connect_timeout` covers name resolution, TCP, proxy and TLS together, shared between the addresses still to try.
/// - A request is sent a second time, once, when it is idempotent and a reused connection turned out closed before any
///   byte of the answer. All other failures are returned.
/// - A proxy that refuses gives code "Proxy": class denied for 401, 403 and 407, otherwise transient.
/// - A header or target with a control character in it gives class invalid, code "Request".
/// - `Response::body` has at least 64 bytes of spare capacity (json::Reader::kPadding).
/// - A cancelled send throws operation_aborted, and its connection is closed.
///
/// Idle connections do not keep the event loop alive: those past their time are closed with the next request to
/// anywhere. Not thread-safe: one per event loop. May be destroyed while requests are under way; they end by
/// themselves.
class BeastTransport final : public Transport {
 public:
  /// Errors: class invalid for proxy settings or a `ca_bundle` that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<BeastTransport>> make(boost::asio::any_io_executor executor,
                                                                    TransportOptions options);
  ~BeastTransport() override;

  [[nodiscard]] async::Task<Result<Response>> send(const Request& request, SendOptions options) override;

  /// Closes the connections that serve no request: for a process that has stood still, and whose clock may have, too.
  void close_idle();

  struct Stats {
    std::uint64_t requests = 0;            ///< send() was called
    std::uint64_t connections_opened = 0;  ///< TCP, proxy and TLS complete
    std::uint64_t tls_resumed = 0;         ///< of these, with an abbreviated TLS handshake
    std::uint64_t resent = 0;              ///< second attempts after a stale connection
    std::size_t connections = 0;           ///< open now, or being opened
    std::size_t waiting = 0;               ///< requests waiting for a connection
  };
  [[nodiscard]] Stats stats() const;

 private:
  class Core;
  explicit BeastTransport(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace dynamirror::http
