// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "http/transport.hpp"

namespace dynamirror::http {

/// The words of the environment. A proxy is "[http://][user:password@]host[:port]", port 80 by default; user and
/// password percent-encoded. Secrets, because of the password.
struct ProxyOptions {
  Secret https_proxy{};    ///< for https endpoints; empty: none
  Secret http_proxy{};     ///< for http endpoints; empty: none
  std::string no_proxy{};  ///< see ProxyRules
};

/// HTTPS_PROXY, HTTP_PROXY and NO_PROXY; the lower-case names win, as with curl.
[[nodiscard]] ProxyOptions proxy_options_from_environment();

/// A proxy to reach servers through, by CONNECT.
struct Proxy {
  Endpoint endpoint;
  Secret authorization{};  ///< value of Proxy-Authorization; empty: none
};

/// Says which proxy an endpoint is reached through.
///
/// NO_PROXY is a list, separated by commas or blanks, of: `*` (everything), a host, `.suffix` or `*.suffix` (each the
/// host itself and all below it), an address, a network (`10.0.0.0/8`, `fd00::/8`); each but the last optionally with
/// `:port`. Loopback and the link-local addresses of instance and container metadata (169.254.169.254,
/// 169.254.170.2, 169.254.170.23, fd00:ec2::254, fd00:ec2::23) never go through a proxy: it would hand the machine's
/// credentials to somebody else, or ask for the proxy's own.
class ProxyRules {
 public:
  /// Errors: class invalid for a proxy that cannot be understood, without repeating its text.
  [[nodiscard]] static Result<ProxyRules> parse(const ProxyOptions& options);

  /// Null: reached directly. Valid while the rules live.
  [[nodiscard]] const Proxy* proxy_for(const Endpoint& endpoint) const;

 private:
  [[nodiscard]] bool bypassed(const Endpoint& endpoint) const;

  std::optional<Proxy> https_;
  std::optional<Proxy> http_;
  std::vector<std::string> exceptions_;
};

}  // namespace dynamirror::http
