// SPDX-License-Identifier: Apache-2.0
#include "aws/sts/sts_client.hpp"

#include <utility>

#include "async/retry.hpp"
#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"
#include "aws/endpoints/partition.hpp"
#include "aws/errors.hpp"
#include "aws/impl/percent_encoding.hpp"
#include "aws/impl/xml.hpp"
#include "base/iso_time.hpp"

namespace dynamirror::aws {
namespace {

using std::chrono::milliseconds;

constexpr http::SendOptions kSendOptions{
    .connect_timeout = milliseconds(3'000), .request_timeout = milliseconds(10'000), .max_response_bytes = 256u << 10};

void append_parameter(std::string& body, std::string_view name, std::string_view value) {
  body += '&';
  body += name;
  body += '=';
  append_percent_encoded(body, value);
}

std::string query_body(std::string_view operation, const AssumeRole& role) {
  std::string body = "Action=" + std::string(operation) + "&Version=2011-06-15";
  append_parameter(body, "RoleArn", role.role_arn);
  append_parameter(body, "RoleSessionName", role.session_name);
  if (role.duration) append_parameter(body, "DurationSeconds", std::to_string(role.duration->count()));
  return body;
}

std::string doing(const std::string& operation) {
  return operation == "AssumeRole" ? "assume role" : "assume role with web identity";
}

/// Credentials out of <AssumeRoleResponse><AssumeRoleResult><Credentials>…
Result<Credentials> read_credentials(const std::string& body, const std::string& operation, const std::string& role) {
  const auto wrong = [&](std::string what) {
    return failure(ErrorClass::kTransient, doing(operation), role, std::move(what));
  };
  const auto document = XmlDocument::parse(body);
  if (!document) return wrong("the answer of STS is not XML");
  const std::string path = operation + "Response/" + operation + "Result/Credentials/";
  const auto id = document->text(path + "AccessKeyId");
  const auto secret = document->text(path + "SecretAccessKey");
  const auto token = document->text(path + "SessionToken");
  const auto expiration = document->text(path + "Expiration");
  const auto expires = expiration ? parse_iso_time(*expiration) : std::nullopt;
  const bool complete = id && secret && token && !id->empty() && !secret->empty() && !token->empty();
  if (!complete || !expires) return wrong("the answer of STS lacks a part of the credentials");
  return Credentials{
      .access_key_id = *id, .secret_access_key = Secret(*secret), .session_token = Secret(*token), .expires = expires};
}

}  // namespace

StsClient::StsClient(SourceContext context, std::string region) : context_(context), region_(std::move(region)) {}

std::string StsClient::region_for(const std::string& role_arn) const {
  const auto begin = role_arn.find(':');
  const auto end = begin == std::string::npos ? begin : role_arn.find(':', begin + 1);
  const Partition* partition = end == std::string::npos
                                   ? nullptr
                                   : find_partition(std::string_view(role_arn).substr(begin + 1, end - begin - 1));
  const bool named = looks_like_region(region_) && region_ != "local";
  if (partition == nullptr) return named ? region_ : "us-east-1";
  // Credentials of one partition mean nothing in another: the role's own is the only one that can answer.
  if (named && partition_of_region(region_).name == partition->name) return region_;
  return std::string(partition->sts_default_region);
}

async::Task<Result<Credentials>> StsClient::assume_role(AssumeRole role, Credentials credentials) {
  Query query{.operation = "AssumeRole", .body = query_body("AssumeRole", role)};
  if (!role.external_id.empty()) append_parameter(query.body, "ExternalId", role.external_id);
  query.signed_with = std::move(credentials);
  co_return co_await call(std::move(role), std::move(query));
}

async::Task<Result<Credentials>> StsClient::assume_role_with_web_identity(AssumeRole role, Secret token) {
  Query query{.operation = "AssumeRoleWithWebIdentity", .body = query_body("AssumeRoleWithWebIdentity", role)};
  append_parameter(query.body, "WebIdentityToken", token.reveal());
  co_return co_await call(std::move(role), std::move(query));
}

async::Task<Result<Credentials>> StsClient::call(AssumeRole role, Query query) {
  const std::string region = region_for(role.role_arn);
  const auto settings = ProfileEnvironment::of(context_.environment, context_.profile);
  if (!settings) co_return std::unexpected(settings.error());
  const auto options = endpoint_options(Service::kSts, *settings);
  if (!options) co_return std::unexpected(options.error());
  const auto endpoint = resolve_endpoint(Service::kSts, Region(region), *options);
  if (!endpoint) co_return std::unexpected(endpoint.error());

  http::Request request{.endpoint = *endpoint};
  request.headers.emplace_back("content-type", "application/x-www-form-urlencoded; charset=utf-8");
  request.body = std::move(query.body);

  const async::RetryPolicy policy{.max_attempts = 3,
                                  .backoff = {.base = milliseconds(100), .cap = milliseconds(2'000)},
                                  .give_up_after = milliseconds(15'000)};
  Signer signer({.region = region, .service = "sts"});
  async::Retry retry(policy, context_.clock, context_.random);
  bool corrected_clock = false;
  for (;;) {  // bounded by the policy, and by one correction of the clock
    const WallTime signed_at = skew_.corrected(context_.clock.wall_now());
    if (query.signed_with) signer.sign(request, *query.signed_with, signed_at);
    auto response = co_await context_.transport.send(request, kSendOptions);
    if (response && response->status == 200) co_return read_credentials(response->body, query.operation, role.role_arn);
    Error error;
    if (response) {
      error = classify_error(*response, doing(query.operation), role.role_arn);
      if (!corrected_clock && error.wrong_clock && skew_.learn(*response, signed_at, context_.clock.wall_now())) {
        corrected_clock = true;
        continue;
      }
    } else {
      error = std::move(response.error());
      error.doing = doing(query.operation);
      error.message += " (" + endpoint->url() + ")";
      error.resource = role.role_arn;
    }
    const bool again = co_await retry.again(error);
    if (!again) co_return std::unexpected(std::move(error));
  }
}

}  // namespace dynamirror::aws
