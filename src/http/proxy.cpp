// SPDX-License-Identifier: Apache-2.0
#include "http/proxy.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <cstdlib>

#include "base/percent_decoding.hpp"
#include "base/text.hpp"

namespace dynamirror::http {
namespace {

namespace ip = boost::asio::ip;

std::string first_set(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<std::optional<Proxy>> parse_proxy(const Secret& text, const std::string& variable) {
  if (text.empty()) return std::nullopt;
  const auto wrong = [&](std::string why) {
    return failure(ErrorClass::kInvalid, "read proxy settings", variable, std::move(why));
  };
  std::string_view rest = text.reveal();
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (to_lower(rest.substr(0, scheme)) != "http")
      return wrong("only http:// proxies are supported (they see no more)");
    rest.remove_prefix(scheme + 3);
  }
  Secret authorization;
  if (const auto separator = rest.rfind('@'); separator != std::string_view::npos) {
    const auto user = percent_decoded(rest.substr(0, separator));
    if (!user) return wrong("bad percent-encoding in user or password");
    const bool has_password = user->find(':') != std::string::npos;
    authorization = Secret("Basic " + base64(has_password ? *user : *user + ":"));
    rest.remove_prefix(separator + 1);
  }
  const auto url = parse_url("http://" + std::string(rest));
  if (!url || url->path_and_query.size() > 1) return wrong("expected [http://][user:password@]host[:port]");
  return Proxy{.endpoint = url->endpoint, .authorization = std::move(authorization)};
}

std::optional<ip::address> parse_address(const std::string& text) {
  boost::system::error_code error;
  auto address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return address;
}

bool is_metadata_service(const std::string& host) {
  static constexpr std::string_view kAddresses[] = {"169.254.169.254", "169.254.170.2", "169.254.170.23",
                                                    "fd00:ec2::254", "fd00:ec2::23"};
  const auto address = parse_address(host);
  return address && std::ranges::any_of(kAddresses, [&](std::string_view text) {
           return *address == ip::make_address(std::string(text));
         });
}

bool in_network(const ip::address& address, const std::string& text) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto network = ip::make_network_v4(text, error);
    return !error && network.canonical() == ip::network_v4(address.to_v4(), network.prefix_length()).canonical();
  }
  const auto network = ip::make_network_v6(text, error);
  return !error && network.canonical() == ip::network_v6(address.to_v6(), network.prefix_length()).canonical();
}

/// Takes ":port" off a host or bracketed address; nothing is taken from a bare IPv6 address.
std::optional<std::string> take_port(std::string& entry) {
  const auto colon = entry.rfind(':');
  const bool bare_ipv6 = !entry.starts_with('[') && entry.find(':') != colon;
  if (colon == std::string::npos || bare_ipv6 || entry.find(']', colon) != std::string::npos) return std::nullopt;
  std::string port = entry.substr(colon + 1);
  entry.erase(colon);
  return port;
}

bool matches(std::string entry, const Endpoint& endpoint) {
  if (entry == "*") return true;
  const auto address = parse_address(endpoint.host);
  if (entry.find('/') != std::string::npos) return address && in_network(*address, entry);
  if (const auto port = take_port(entry); port && *port != std::to_string(endpoint.port)) return false;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (address) return parse_address(entry) == address;
  if (entry.starts_with("*.")) entry.erase(0, 1);
  while (entry.starts_with('.')) entry.erase(0, 1);
  if (entry.empty()) return false;
  return endpoint.host == entry || endpoint.host.ends_with("." + entry);
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto size = std::min(list.find_first_of(", \t"), list.size());
    if (size > 0) out.push_back(to_lower(list.substr(0, size)));
    list.remove_prefix(std::min(size + 1, list.size()));
  }
  return out;
}

}  // namespace

ProxyOptions proxy_options_from_environment() {
  return {.https_proxy = Secret(first_set({"https_proxy", "HTTPS_PROXY"})),
          .http_proxy = Secret(first_set({"http_proxy", "HTTP_PROXY"})),
          .no_proxy = first_set({"no_proxy", "NO_PROXY"})};
}

Result<ProxyRules> ProxyRules::parse(const ProxyOptions& options) {
  ProxyRules rules;
  auto https = parse_proxy(options.https_proxy, "HTTPS_PROXY");
  if (!https) return std::unexpected(https.error());
  auto http = parse_proxy(options.http_proxy, "HTTP_PROXY");
  if (!http) return std::unexpected(http.error());
  rules.https_ = std::move(*https);
  rules.http_ = std::move(*http);
  rules.exceptions_ = split(options.no_proxy);
  return rules;
}

const Proxy* ProxyRules::proxy_for(const Endpoint& endpoint) const {
  const auto& proxy = endpoint.tls ? https_ : http_;
  if (!proxy || bypassed(endpoint)) return nullptr;
  return &*proxy;
}

bool ProxyRules::bypassed(const Endpoint& endpoint) const {
  return endpoint.loopback() || is_metadata_service(endpoint.host) ||
         std::ranges::any_of(exceptions_, [&](const std::string& entry) { return matches(entry, endpoint); });
}

}  // namespace dynamirror::http
