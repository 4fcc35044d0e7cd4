// SPDX-License-Identifier: Apache-2.0
#include "support/service_error.hpp"

#include <array>

#include "base/text.hpp"

namespace dynamirror::support {
namespace {

// Errors raised by the service's outer layer carry another namespace than DynamoDB's own, and some spell the member
// "Message": a client that knows one form alone must fail against the stand-in.
constexpr std::array<std::string_view, 9> kOuterLayer{
    "AccessDeniedException",  "ExpiredTokenException",       "IncompleteSignatureException",
    "InternalFailure",        "InvalidSignatureException",   "MissingAuthenticationTokenException",
    "SerializationException", "UnrecognizedClientException", "UnknownOperationException"};

bool contains(const auto& names, std::string_view name) {
  for (const std::string_view each : names) {
    if (each == name) return true;
  }
  return false;
}

std::string_view namespace_of(std::string_view type) {
  if (type == "ValidationException" || type == "ThrottlingException") return "com.amazon.coral.validate#";
  if (contains(kOuterLayer, type)) return "com.amazon.coral.service#";
  return "com.amazonaws.dynamodb.v20120810#";
}

}  // namespace

std::unexpected<ServiceError> refuse(std::string_view type, std::string message) {
  return std::unexpected(ServiceError{.type = std::string(type), .message = std::move(message)});
}

std::unexpected<ServiceError> client_bug(std::string_view type, std::string message) {
  return std::unexpected(ServiceError{.type = std::string(type), .message = std::move(message), .client_bug = true});
}

std::unexpected<ServiceError> invalid(std::string message) { return refuse("ValidationException", std::move(message)); }

std::unexpected<ServiceError> unreadable(std::string message) {
  return client_bug("SerializationException", std::move(message));
}

std::unexpected<ServiceError> not_found(std::string message) {
  return refuse("ResourceNotFoundException", std::move(message));
}

std::string error_body(const ServiceError& error) {
  const bool capital = error.type == "AccessDeniedException" || error.type == "SerializationException";
  std::string body = "{\"__type\":";
  append_json_quoted(body, std::string(namespace_of(error.type)) + error.type);
  body += capital ? ",\"Message\":" : ",\"message\":";
  append_json_quoted(body, error.message);
  body += '}';
  return body;
}

}  // namespace dynamirror::support
