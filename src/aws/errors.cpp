// SPDX-License-Identifier: Apache-2.0
#include "aws/errors.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "aws/impl/error_body.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::size_t kMaxMessageBytes = 1024;
constexpr std::size_t kMaxCodeBytes = 128;
constexpr std::size_t kMaxExcerptBytes = 160;

struct CodeClass {
  std::string_view code;
  ErrorClass error_class;
};

// Codes whose class does not follow from the HTTP status. Names are compared without a final "Exception", which the
// services write or leave out as they like.
constexpr CodeClass kCodes[] = {
    {"ProvisionedThroughputExceeded", ErrorClass::kThrottled},
    {"Throttling", ErrorClass::kThrottled},
    {"ThrottledRequest", ErrorClass::kThrottled},
    {"Throttled", ErrorClass::kThrottled},
    {"KMSThrottling", ErrorClass::kThrottled},
    {"RequestThrottled", ErrorClass::kThrottled},
    {"RequestThrottling", ErrorClass::kThrottled},
    {"RequestLimitExceeded", ErrorClass::kThrottled},
    {"LimitExceeded", ErrorClass::kThrottled},
    {"BandwidthLimitExceeded", ErrorClass::kThrottled},
    {"TooManyRequests", ErrorClass::kThrottled},
    {"SlowDown", ErrorClass::kThrottled},
    {"EC2Throttled", ErrorClass::kThrottled},
    {"PriorRequestNotComplete", ErrorClass::kThrottled},
    {"InternalServerError", ErrorClass::kTransient},
    {"InternalServer", ErrorClass::kTransient},
    {"InternalFailure", ErrorClass::kTransient},
    {"InternalError", ErrorClass::kTransient},
    {"ServiceUnavailable", ErrorClass::kTransient},
    {"RequestTimeout", ErrorClass::kTransient},
    {"TransactionInProgress", ErrorClass::kTransient},
    // Another transaction holds the item this very moment.
    {"TransactionConflict", ErrorClass::kTransient},
    {"ReplicatedWriteConflict", ErrorClass::kTransient},
    {"IDPCommunicationError", ErrorClass::kTransient},
    {"ExpiredToken", ErrorClass::kExpiredCredentials},
    {"TokenRefreshRequired", ErrorClass::kExpiredCredentials},
    {"RequestExpired", ErrorClass::kExpiredCredentials},
    // Keys that were deleted, as after a rotation, or whose parts do not belong together.
    {"UnrecognizedClient", ErrorClass::kExpiredCredentials},
    {"InvalidSignature", ErrorClass::kExpiredCredentials},
    {"SignatureDoesNotMatch", ErrorClass::kExpiredCredentials},
    {"InvalidClientTokenId", ErrorClass::kExpiredCredentials},
    {"InvalidAccessKeyId", ErrorClass::kExpiredCredentials},
    {"InvalidToken", ErrorClass::kExpiredCredentials},
    {"AccessDenied", ErrorClass::kDenied},
    {"NotAuthorized", ErrorClass::kDenied},
    {"UnauthorizedOperation", ErrorClass::kDenied},
    {"IncompleteSignature", ErrorClass::kDenied},
    {"MissingAuthenticationToken", ErrorClass::kDenied},
    {"OptInRequired", ErrorClass::kDenied},
    {"RequestTimeTooSkewed", ErrorClass::kDenied},
    // Of the key that a stream of Kinesis is encrypted with: somebody must give it back before anything can be read. It
    // is not the stream that is missing.
    {"KMSAccessDenied", ErrorClass::kDenied},
    {"KMSDisabled", ErrorClass::kDenied},
    {"KMSInvalidState", ErrorClass::kDenied},
    {"KMSNotFound", ErrorClass::kDenied},
    {"KMSOptInRequired", ErrorClass::kDenied},
    {"InvalidIdentityToken", ErrorClass::kDenied},
    {"IDPRejectedClaim", ErrorClass::kDenied},
    {"ResourceNotFound", ErrorClass::kNotFound},
    {"TableNotFound", ErrorClass::kNotFound},
    {"TrimmedDataAccess", ErrorClass::kNotFound},
    {"NoSuchBucket", ErrorClass::kNotFound},
    {"NoSuchKey", ErrorClass::kNotFound},
    {"ConditionalCheckFailed", ErrorClass::kConflict},
    {"TransactionCanceled", ErrorClass::kConflict},
    {"ResourceInUse", ErrorClass::kConflict},
    {"TableInUse", ErrorClass::kConflict},
    {"TableAlreadyExists", ErrorClass::kConflict},
    {"ExpiredIterator", ErrorClass::kConflict},
    {"ExpiredNextToken", ErrorClass::kConflict},
    {"Validation", ErrorClass::kInvalid},
    {"ValidationError", ErrorClass::kInvalid},
    {"InvalidArgument", ErrorClass::kInvalid},
    {"Serialization", ErrorClass::kInvalid},
    {"ItemCollectionSizeLimitExceeded", ErrorClass::kInvalid},
    {"UnknownOperation", ErrorClass::kInvalid},
};

ErrorClass class_of_status(int status) {
  if (status == 429) return ErrorClass::kThrottled;
  if (status >= 500 || status == 408) return ErrorClass::kTransient;
  if (status == 401 || status == 403 || status == 407) return ErrorClass::kDenied;
  if (status == 404) return ErrorClass::kNotFound;
  if (status == 409 || status == 412) return ErrorClass::kConflict;
  if (status >= 400) return ErrorClass::kInvalid;
  return ErrorClass::kFatal;
}

/// Bounded, without control characters, and not cut inside a UTF-8 sequence.
std::string cleaned(std::string_view text, std::size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  if (cut) {
    text = text.substr(0, max_bytes);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.remove_suffix(1);
    if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.remove_suffix(1);
  }
  std::string out;
  out.reserve(text.size() + 3);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7F;
    if (control && (out.empty() || out.back() == ' ')) continue;
    out += control ? ' ' : c;
  }
  if (cut) out += "…";
  return out;
}

/// "com.amazonaws.dynamodb.v20120810#ValidationException" or "ValidationException:http://…" -> "ValidationException".
std::string bare_code(std::string_view type) {
  type = type.substr(type.find('#') == std::string_view::npos ? 0 : type.find('#') + 1);
  return cleaned(type.substr(0, type.find(':')), kMaxCodeBytes);
}

std::string_view without_exception(std::string_view code) {
  constexpr std::string_view kSuffix = "Exception";
  if (code.ends_with(kSuffix)) code.remove_suffix(kSuffix.size());
  return code;
}

/// Whether a signature was refused for its time. Some codes stand for wrong keys, too: there the service's words are
/// all there is.
bool is_clock_skew(const Error& error) {
  const std::string_view code = without_exception(error.code);
  if (code == "RequestTimeTooSkewed" || code == "RequestExpired" || code == "RequestInTheFuture") return true;
  if (code != "InvalidSignature" && code != "SignatureDoesNotMatch" && code != "AuthFailure") return false;
  return error.message.find("Signature expired") != std::string::npos ||
         error.message.find("Signature not yet current") != std::string::npos;
}

/// An answer that AWS did not write: a proxy, a load balancer or a captive portal stands in between.
Error foreign_answer(const http::Response& response, Error error) {
  const bool asks_for_proxy_login = response.status == 407;
  classify(error, response.status == 429 ? ErrorClass::kThrottled
                  : asks_for_proxy_login ? ErrorClass::kDenied
                                         : ErrorClass::kTransient);
  error.code = "HTTP" + std::to_string(response.status);
  if (asks_for_proxy_login) {
    error.message = "the proxy wants credentials: put them into HTTPS_PROXY (http://user:password@host:port)";
    return error;
  }
  error.message = "the answer is not from AWS, but from a proxy or load balancer on the way";
  const auto location = response.header("location");
  if (location) error.message += ", which names " + cleaned(*location, kMaxExcerptBytes);
  if (!response.body.empty()) error.message += ": " + cleaned(response.body, kMaxExcerptBytes);
  return error;
}

/// What is known of an answer besides its body.
Error head_of(const http::Response& response, std::string doing, std::string resource) {
  Error error{.doing = std::move(doing), .resource = std::move(resource), .code = {}, .message = {}};
  error.http_status = response.status;
  for (const std::string_view name : {"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"}) {
    const auto id = response.header(name);
    if (id && error.request_id.empty()) error.request_id = cleaned(*id, kMaxCodeBytes);
  }
  return error;
}

}  // namespace

ErrorClass class_of_code(std::string_view code, int http_status) {
  const std::string_view bare = without_exception(code);
  const auto known =
      std::find_if(std::begin(kCodes), std::end(kCodes), [&](const CodeClass& entry) { return entry.code == bare; });
  return known == std::end(kCodes) ? class_of_status(http_status) : known->error_class;
}

void classify(Error& error, ErrorClass error_class) {
  error.error_class = error_class;
  error.not_applied = error_class != ErrorClass::kTransient && error_class != ErrorClass::kFatal;
}

Error classify_error(const http::Response& response, std::string doing, std::string resource) {
  Error error = head_of(response, std::move(doing), std::move(resource));
  auto body = read_json_error(response.body);
  if (!body) body = read_xml_error(response.body);
  const auto type = response.header("x-amzn-errortype");
  if (!body && !type && !response.body.empty()) return foreign_answer(response, std::move(error));

  if (body) {
    error.code = bare_code(body->code);
    error.message = cleaned(body->message, kMaxMessageBytes);
    if (error.request_id.empty()) error.request_id = cleaned(body->request_id, kMaxCodeBytes);
  }
  if (error.code.empty() && type) error.code = bare_code(*type);
  if (error.code.empty()) error.code = "HTTP" + std::to_string(response.status);
  classify(error, class_of_code(error.code, response.status));
  error.wrong_clock = is_clock_skew(error);
  // Other keys would be refused for the time, too; RequestExpired may be said of either.
  if (error.wrong_clock && without_exception(error.code) != "RequestExpired") classify(error, ErrorClass::kDenied);
  return error;
}

Error classify_foreign(const http::Response& response, std::string doing, std::string resource) {
  return foreign_answer(response, head_of(response, std::move(doing), std::move(resource)));
}

std::unexpected<Error> unreadable_answer(Error complaint) {
  classify(complaint, ErrorClass::kFatal);
  complaint.code = kUnreadableAnswer;
  complaint.message.insert(0, "the answer is not what AWS sends: ");
  return std::unexpected(std::move(complaint));
}

}  // namespace dynamirror::aws
