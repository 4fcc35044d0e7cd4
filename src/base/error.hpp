// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace dynamirror {

/// What a failure means for the one who asked. Decided once, beside the wire; everything above sees only this.
enum class ErrorClass {
  kThrottled,  ///< the service asks us to slow down; the same request may succeed later
  kTransient,  ///< network trouble, time-outs, 5xx: the same request may succeed later; it may have been applied
  kExpiredCredentials,  ///< new credentials are needed before the same request can succeed
  kDenied,              ///< not allowed; retrying does not help
  kNotFound,            ///< the table, stream, shard, iterator or file does not exist
  kConflict,            ///< a condition did not hold, or somebody else holds the resource
  kInvalid,             ///< the request (or the user's input) is wrong as it stands
  kFatal,               ///< anything we cannot explain: stop and say so
};

/// Lower-case words for logs and JSON, e.g. "expired credentials".
[[nodiscard]] std::string_view to_string(ErrorClass error_class);

/// A failure as a value. Carries what an operator needs at night: what was being done, to what, and the service's
/// words.
struct Error {
  ErrorClass error_class = ErrorClass::kFatal;
  std::string doing;         ///< e.g. "describe table"; no capital, no full stop
  std::string resource;      ///< e.g. "eu-west-1/Orders", a file, an endpoint; may be empty
  std::string code;          ///< the service's code, e.g. "ProvisionedThroughputExceededException"; may be empty
  std::string message;       ///< what went wrong and, where we know it, what to do
  std::string request_id{};  ///< x-amzn-RequestId; may be empty
  int http_status = 0;       ///< 0 when no answer arrived
  /// Surely without effect: it was not sent, or the service has refused it. False when nobody knows.
  bool not_applied = false;
  /// Refused for the time of its signature: this machine's clock is off, or the service's.
  bool wrong_clock = false;

  /// True when sending the same request again may help (after a pause).
  [[nodiscard]] bool retryable() const {
    return error_class == ErrorClass::kThrottled || error_class == ErrorClass::kTransient;
  }
};

/// One line without line breaks: "describe table eu-west-1/Orders: ResourceNotFoundException: … (HTTP 400, request …)".
[[nodiscard]] std::string to_line(const Error& error);

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

/// Shorthand for failures found on our side of the wire (bad input, files, state).
[[nodiscard]] inline std::unexpected<Error> failure(ErrorClass error_class, std::string doing, std::string resource,
                                                    std::string message) {
  return std::unexpected(Error{.error_class = error_class,
                               .doing = std::move(doing),
                               .resource = std::move(resource),
                               .code = {},
                               .message = std::move(message)});
}

}  // namespace dynamirror
