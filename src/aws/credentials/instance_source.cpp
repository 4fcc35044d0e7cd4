// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/instance_source.hpp"

#include <algorithm>
#include <utility>

#include "aws/credentials/impl/credentials_json.hpp"
#include "aws/credentials/impl/metadata_request.hpp"
#include "base/text.hpp"

namespace dynamirror::aws {
namespace {

constexpr const char* kDoing = "get EC2 instance credentials";
constexpr const char* kTokenPath = "/latest/api/token";
constexpr const char* kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr const char* kTokenLife = "21600";  // six hours, the longest allowed

http::Request token_request(const http::Endpoint& endpoint) {
  http::Request request{.endpoint = endpoint};
  request.method = "PUT";
  request.target = kTokenPath;
  request.headers.emplace_back("x-aws-ec2-metadata-token-ttl-seconds", kTokenLife);
  return request;
}

http::Request metadata_get(const http::Endpoint& endpoint, std::string path, const std::string& token) {
  http::Request request{.endpoint = endpoint};
  request.method = "GET";
  request.target = std::move(path);
  request.headers.emplace_back("x-aws-ec2-metadata-token", token);
  return request;
}

bool is_printable(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// The first line; role names are letters, digits and "+=,.@_-", so nothing needs escaping in a path.
std::string role_name(const std::string& listing) { return listing.substr(0, listing.find_first_of("\r\n")); }

}  // namespace

bool InstanceSource::is_disabled(const Environment& environment) {
  return environment.is_true("AWS_EC2_METADATA_DISABLED");
}

Result<http::Endpoint> InstanceSource::endpoint() const {
  if (const auto text = context_.environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")) {
    const auto url = http::parse_url(*text);
    if (url) return url->endpoint;
    return failure(ErrorClass::kInvalid, kDoing, "AWS_EC2_METADATA_SERVICE_ENDPOINT", url.error().message);
  }
  const std::string mode =
      to_lower(context_.environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or("ipv4"));
  return http::Endpoint{.tls = false, .host = mode == "ipv6" ? "fd00:ec2::254" : "169.254.169.254", .port = 80};
}

async::Task<Result<Credentials>> InstanceSource::fetch() {
  const auto service = endpoint();
  if (!service) co_return std::unexpected(service.error());
  const std::string where = service->url();

  auto token = co_await metadata_request(context_, token_request(*service), kDoing, where);
  if (!token) {
    // The answer to the PUT is not forwarded further than its hop limit, which containers exceed by default.
    if (token.error().http_status == 0) {
      token.error().message += "; inside a container on EC2 the instance needs a metadata hop limit of 2";
    }
    co_return std::unexpected(std::move(token.error()));
  }
  if (!is_printable(*token)) co_return failure(ErrorClass::kInvalid, kDoing, where, "the session token is unreadable");

  const auto listing = co_await metadata_request(context_, metadata_get(*service, kRolePath, *token), kDoing, where);
  const bool no_role = listing ? listing->empty() : listing.error().http_status == 404;
  if (no_role) co_return failure(ErrorClass::kDenied, kDoing, where, "no IAM role is attached to this instance");
  if (!listing) co_return std::unexpected(listing.error());
  const std::string role = role_name(*listing);
  if (!is_printable(role)) co_return failure(ErrorClass::kInvalid, kDoing, where, "the role name is unreadable");

  const auto body =
      co_await metadata_request(context_, metadata_get(*service, kRolePath + role, *token), kDoing, where);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_credentials_json(*body, kDoing, where);
}

}  // namespace dynamirror::aws
