// SPDX-License-Identifier: Apache-2.0
#include "http/transport.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.hpp"

namespace dynamirror::http {
namespace {

constexpr std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// Letters, digits and what occurs in names and zone-less addresses: nothing that could smuggle a header or a path.
bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// "host", "host:port", "[v6]", "[v6]:port" into `endpoint`; nothing when it is none of these.
std::optional<Endpoint> parse_authority(std::string_view text, bool tls) {
  Endpoint endpoint{.tls = tls, .host = {}, .port = default_port(tls)};
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    endpoint.host = to_lower(text.substr(1, close - 1));
    if (!is_ipv6(endpoint.host)) return std::nullopt;
    text.remove_prefix(close + 1);
    has_port = text.starts_with(':');
    if (!has_port && !text.empty()) return std::nullopt;
    if (has_port) port = text.substr(1);
  } else {
    const auto colon = text.find(':');
    endpoint.host = to_lower(text.substr(0, colon));
    if (!is_host_name(endpoint.host)) return std::nullopt;
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (has_port) {
    const auto number = parse_port(port);
    if (!number) return std::nullopt;
    endpoint.port = *number;
  }
  return endpoint;
}

}  // namespace

std::string Endpoint::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(tls) ? name : fmt::format("{}:{}", name, port);
}

std::string Endpoint::url() const { return (tls ? "https://" : "http://") + authority(); }

bool Endpoint::loopback() const {
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    // A text with "@" may hold a password: it is not repeated.
    const bool printable = text.find('@') == std::string_view::npos;
    return failure(ErrorClass::kInvalid, "parse URL", printable ? std::string(text) : "", std::string(why));
  };
  const std::string scheme = to_lower(text.substr(0, text.find("://")));
  if (scheme.size() + 3 > text.size() || (scheme != "http" && scheme != "https")) {
    return wrong("expected http://host[:port][/path] or https://host[:port][/path]");
  }
  std::string_view rest = text.substr(scheme.size() + 3);
  const auto path = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view tail = rest.substr(path);
  // A control character or space in the target would let the text write headers of its own.
  if (std::ranges::any_of(tail, [](unsigned char c) { return c <= ' ' || c == 0x7F; })) {
    return wrong("space or control character in the path");
  }
  if (tail.find('#') != std::string_view::npos) return wrong("a fragment (#) cannot be sent to a server");
  if (rest.substr(0, path).find('@') != std::string_view::npos) {
    return wrong("user and password are not allowed in this URL");
  }
  auto endpoint = parse_authority(rest.substr(0, path), scheme == "https");
  if (!endpoint) return wrong("bad host or port (an IPv6 address needs brackets, a port is 1-65535)");
  std::string target(tail);
  if (target.starts_with('?')) target.insert(0, "/");
  return Url{.endpoint = std::move(*endpoint), .path_and_query = std::move(target)};
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  auto url = parse_url(text);
  if (!url) return failure(ErrorClass::kInvalid, "read endpoint", {}, "it is no URL: " + url.error().message);
  if (url->path_and_query.size() > 1) {
    return failure(ErrorClass::kInvalid, "read endpoint", {},
                   "the URL has a path; an endpoint is scheme, host and port only");
  }
  return std::move(url->endpoint);
}

std::optional<std::string_view> Response::header(std::string_view name) const {
  const auto header =
      std::ranges::find(headers, name, [](const auto& header) { return std::string_view(header.first); });
  if (header == headers.end()) return std::nullopt;
  return header->second;
}

}  // namespace dynamirror::http
