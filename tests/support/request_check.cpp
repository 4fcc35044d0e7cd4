// SPDX-License-Identifier: Apache-2.0
#include "support/request_check.hpp"

#include <algorithm>
#include <ctime>
#include <optional>

#include "support/digest.hpp"
#include "support/sigv4.hpp"

namespace dynamirror::support {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
const std::set<std::string> kKnownHeaders{
    "accept", "accept-encoding", "authorization",        "connection", "content-length", "content-type",
    "host",   "user-agent",      "x-amz-content-sha256", "x-amz-date", "x-amz-target",   "x-amz-security-token"};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// "20260101T000000Z".
std::optional<WallTime> parse_amz_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%Y%m%dT%H%M%SZ", &parts);
  if (end == nullptr || *end != '\0' || text.size() != 16) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string amz_date(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::unexpected<ServiceError> incomplete(std::string message) {
  return client_bug("IncompleteSignatureException", std::move(message));
}

}  // namespace

RequestCheck::RequestCheck(Options options, std::vector<Identity> identities) : options_(std::move(options)) {
  for (Identity& identity : identities) add_identity(std::move(identity));
}

Expected<std::string> RequestCheck::check(const WireRequest& request, WallTime now) const {
  if (auto done = check_headers(request); !done) return std::unexpected(done.error());
  const std::string target(*find_header(request.headers, "x-amz-target"));
  if (!options_.verify_signature) return target;
  const auto authorization = find_header(request.headers, "authorization");
  if (!authorization)
    return client_bug("MissingAuthenticationTokenException", "Request is missing Authentication Token");
  const auto given = parse_authorization(*authorization);
  if (!given) return std::unexpected(given.error());
  if (auto done = check_identity(request, *given); !done) return std::unexpected(done.error());
  if (auto done = check_scope(request, *given, now); !done) return std::unexpected(done.error());
  if (given->signature != expected_signature(request, *given)) {
    return client_bug("InvalidSignatureException",
                      "The request signature we calculated does not match the signature you provided. Check your AWS "
                      "Secret Access Key and signing method. Consult the service documentation for details.");
  }
  return target;
}

Expected<void> RequestCheck::check_headers(const WireRequest& request) const {
  if (request.method != "POST" || request.target != "/") {
    return client_bug("UnknownOperationException",
                      "only POST / is served, not " + request.method + " " + request.target);
  }
  for (const auto& [name, value] : request.headers) {
    if (!kKnownHeaders.contains(name) && !options_.extra_headers.contains(name)) {
      return client_bug("ValidationException", "stand-in: unexpected header " + name);
    }
  }
  if (find_header(request.headers, "content-type") != "application/x-amz-json-1.0") {
    return client_bug("UnknownOperationException", "stand-in: content-type must be application/x-amz-json-1.0");
  }
  if (!find_header(request.headers, "x-amz-target")) return client_bug("UnknownOperationException", "no x-amz-target");
  const auto digest = find_header(request.headers, "x-amz-content-sha256");
  if (digest && *digest != hex(sha256(request.body))) {
    return client_bug("InvalidSignatureException", "stand-in: x-amz-content-sha256 is not the digest of the body");
  }
  return {};
}

Expected<RequestCheck::Authorization> RequestCheck::parse_authorization(std::string_view text) {
  if (!text.starts_with(std::string(kAlgorithm) + " ")) return incomplete("Authorization must use AWS4-HMAC-SHA256");
  Authorization given;
  for (std::string part : split(text.substr(kAlgorithm.size() + 1), ',')) {
    part.erase(0, part.find_first_not_of(' '));
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) return incomplete("Authorization header has a part without '='");
    const std::string name = part.substr(0, equals);
    const std::string value = part.substr(equals + 1);
    if (name == "Credential") {
      const auto scope = split(value, '/');
      if (scope.size() != 5 || scope[4] != "aws4_request") return incomplete("Credential must have 5 parts");
      given.access_key_id = scope[0];
      given.date = scope[1];
      given.region = scope[2];
      given.service = scope[3];
    } else if (name == "SignedHeaders") {
      given.signed_headers = split(value, ';');
    } else if (name == "Signature") {
      given.signature = value;
    } else {
      return incomplete("Authorization header has an unknown part " + name);
    }
  }
  if (given.access_key_id.empty() || given.signed_headers.empty() || given.signature.size() != 64) {
    return incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters");
  }
  return given;
}

Expected<void> RequestCheck::check_scope(const WireRequest& request, const Authorization& given, WallTime now) const {
  if (given.region != options_.region || given.service != options_.service) {
    return client_bug("InvalidSignatureException", "Credential should be scoped to " + options_.region + "/" +
                                                       options_.service + ", not " + given.region + "/" +
                                                       given.service);
  }
  const auto date = find_header(request.headers, "x-amz-date");
  const auto signed_at = date ? parse_amz_date(*date) : std::nullopt;
  if (!signed_at) return incomplete("Authorization header requires a valid 'X-Amz-Date' header");
  if (date->substr(0, 8) != given.date) return incomplete("the scope's date is not that of x-amz-date");
  if (*signed_at + options_.max_skew < now) {
    return refuse("InvalidSignatureException", "Signature expired: " + std::string(*date) + " is now earlier than " +
                                                   amz_date(now - options_.max_skew) + " (" + amz_date(now) +
                                                   " - 15 min.)");
  }
  if (*signed_at > now + options_.max_skew) {
    return refuse("InvalidSignatureException", "Signature not yet current: " + std::string(*date) +
                                                   " is still later than " + amz_date(now + options_.max_skew) + " (" +
                                                   amz_date(now) + " + 15 min.)");
  }
  if (!std::is_sorted(given.signed_headers.begin(), given.signed_headers.end())) {
    return incomplete("SignedHeaders must be sorted");
  }
  for (const auto& [name, value] : request.headers) {
    const bool must = name == "host" || name == "content-type" || name.starts_with("x-amz-");
    const auto& names = given.signed_headers;
    if (must && std::find(names.begin(), names.end(), name) == names.end()) {
      return client_bug("InvalidSignatureException",
                        "'" + name + "' must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  return {};
}

Expected<void> RequestCheck::check_identity(const WireRequest& request, const Authorization& given) const {
  const std::string token(find_header(request.headers, "x-amz-security-token").value_or(""));
  if (expired_.contains(given.access_key_id)) {
    return refuse("ExpiredTokenException", "The security token included in the request is expired");
  }
  const auto identity = identities_.find(given.access_key_id);
  if (identity == identities_.end() || identity->second.session_token != token) {
    return refuse("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  return {};
}

std::string RequestCheck::expected_signature(const WireRequest& request, const Authorization& given) const {
  const SigningScope scope{given.date, given.region, given.service};
  return sigv4_signature(request, given.signed_headers, scope, identities_.at(given.access_key_id).secret_access_key);
}

}  // namespace dynamirror::support
