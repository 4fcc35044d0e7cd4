// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/container_source.hpp"

#include <algorithm>
#include <utility>

#include "aws/credentials/impl/credentials_json.hpp"
#include "aws/credentials/impl/metadata_request.hpp"

namespace dynamirror::aws {
namespace {

constexpr const char* kRelative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFull = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
constexpr const char* kEcsAgent = "http://169.254.170.2";

/// The link-local addresses of the ECS and EKS agents.
bool is_agent(const std::string& host) {
  return host == "169.254.170.2" || host == "169.254.170.23" || host == "fd00:ec2::23";
}

std::unexpected<Error> wrong(const char* variable, std::string what) {
  return failure(ErrorClass::kInvalid, "get container credentials", variable, std::move(what));
}

}  // namespace

bool ContainerSource::is_configured(const Environment& environment) {
  return environment.variable(kRelative) || environment.variable(kFull);
}

Result<http::Url> ContainerSource::location() const {
  if (const auto relative = context_.environment.variable(kRelative)) {
    auto url = http::parse_url(kEcsAgent + *relative);
    if (!relative->starts_with('/') || !url) return wrong(kRelative, "not a path such as /v2/credentials/…");
    return url;
  }
  auto url = http::parse_url(context_.environment.variable(kFull).value_or(""));
  if (!url) return wrong(kFull, "not an http or https URL");
  const http::Endpoint& endpoint = url->endpoint;
  if (!endpoint.tls && !endpoint.loopback() && !is_agent(endpoint.host)) {
    return wrong(kFull, "host " + endpoint.host +
                            " is neither this machine nor an ECS or EKS agent, and the connection is not https: the "
                            "authorization token would leave this machine unencrypted");
  }
  return url;
}

Result<std::string> ContainerSource::authorization() const {
  std::string token = context_.environment.variable(kToken).value_or("");
  const char* origin = kToken;
  if (const auto file = context_.environment.variable(kTokenFile)) {
    auto text = context_.environment.read_file(*file);
    if (!text) return std::unexpected(std::move(text.error()));
    token = std::move(*text);
    origin = kTokenFile;
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  }
  // A line break would let the token write headers of its own.
  const bool control = std::any_of(token.begin(), token.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (control) return wrong(origin, "the token holds a control character");
  return token;
}

async::Task<Result<Credentials>> ContainerSource::fetch() {
  auto url = location();
  if (!url) co_return std::unexpected(std::move(url.error()));
  auto token = authorization();
  if (!token) co_return std::unexpected(std::move(token.error()));

  http::Request request{.endpoint = url->endpoint};
  request.method = "GET";
  request.target = url->path_and_query.empty() ? "/" : url->path_and_query;
  request.headers.emplace_back("accept", "application/json");
  if (!token->empty()) request.headers.emplace_back("authorization", std::move(*token));
  const std::string doing = "get container credentials";
  const std::string resource = url->endpoint.url();
  const auto body = co_await metadata_request(context_, std::move(request), doing, resource);
  if (!body) co_return std::unexpected(body.error());
  co_return parse_credentials_json(*body, doing, resource);
}

}  // namespace dynamirror::aws
