// SPDX-License-Identifier: Apache-2.0
#include "lambda/runtime.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include "json/writer.hpp"

namespace dynamirror::lambda {
namespace {

constexpr std::string_view kVersion = "/2018-06-01/runtime/";
/// As good as none: an event may come after weeks, and what ends the wait is the end of the process.
constexpr std::chrono::hours kAsLongAsItTakes{24 * 365};
constexpr std::chrono::seconds kAnswerTimeout{20};

std::string path_of(std::string_view rest) { return std::string(kVersion).append(rest); }

std::unexpected<Error> not_the_interface(std::string doing, const http::Response& response, std::string what) {
  Error error{.error_class = ErrorClass::kFatal,
              .doing = std::move(doing),
              .resource = "Lambda's runtime interface",
              .code = {},
              .message = std::move(what)};
  error.http_status = response.status;
  return std::unexpected(std::move(error));
}

std::string class_word(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kThrottled:
      return "Throttled";
    case ErrorClass::kTransient:
      return "Transient";
    case ErrorClass::kExpiredCredentials:
      return "ExpiredCredentials";
    case ErrorClass::kDenied:
      return "Denied";
    case ErrorClass::kNotFound:
      return "NotFound";
    case ErrorClass::kConflict:
      return "Conflict";
    case ErrorClass::kInvalid:
      return "Invalid";
    case ErrorClass::kFatal:
      break;
  }
  return "Fatal";
}

std::string to_json(const FunctionError& error) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("errorMessage").string(error.message).name("errorType").string(error.type);
  json.name("stackTrace").begin_array().end_array().end_object();
  return body;
}

Result<Invocation> to_invocation(http::Response response) {
  const std::string doing = "take an event from";
  if (response.status != 200) return not_the_interface(doing, response, "it answered " + response.body);
  Invocation invocation;
  const auto id = response.header("lambda-runtime-aws-request-id");
  if (!id || id->empty()) return not_the_interface(doing, response, "the event has no request id");
  invocation.request_id = *id;
  const auto deadline = response.header("lambda-runtime-deadline-ms");
  std::int64_t milliseconds = 0;
  const char* const end = deadline ? deadline->data() + deadline->size() : nullptr;
  const bool read = deadline && std::from_chars(deadline->data(), end, milliseconds).ptr == end && milliseconds > 0;
  if (!read) return not_the_interface(doing, response, "the event has no deadline");
  invocation.deadline = WallTime(std::chrono::milliseconds(milliseconds));
  if (const auto arn = response.header("lambda-runtime-invoked-function-arn")) invocation.function_arn = *arn;
  invocation.event = std::move(response.body);
  return invocation;
}

}  // namespace

FunctionError function_error(const Error& error) {
  return {.type = "Dynamirror." + class_word(error.error_class), .message = to_line(error)};
}

async::Task<Result<Invocation>> RuntimeInterface::next() {
  http::Request request{.endpoint = endpoint_};
  request.method = "GET";
  request.target = path_of("invocation/next");
  http::SendOptions options;
  options.request_timeout = kAsLongAsItTakes;
  auto response = co_await transport_.send(request, options);
  if (!response) co_return std::unexpected(std::move(response.error()));
  co_return to_invocation(std::move(*response));
}

async::Task<Status> RuntimeInterface::respond(std::string request_id, std::string body) {
  if (body.size() > kMaxAnswerBytes) {
    co_return failure(ErrorClass::kInvalid, "answer", request_id, "the answer has more than 6 MB");
  }
  co_return co_await post("invocation/" + request_id + "/response", std::move(body), {});
}

async::Task<Status> RuntimeInterface::fail(std::string request_id, FunctionError error) {
  std::string body = to_json(error);
  co_return co_await post("invocation/" + request_id + "/error", std::move(body), std::move(error.type));
}

async::Task<Status> RuntimeInterface::fail_start(FunctionError error) {
  std::string body = to_json(error);
  co_return co_await post("init/error", std::move(body), std::move(error.type));
}

async::Task<Status> RuntimeInterface::post(std::string path, std::string body, std::string error_type) {
  http::Request request{.endpoint = endpoint_};
  request.target = path_of(path);
  request.headers.emplace_back("content-type", "application/json");
  if (!error_type.empty()) request.headers.emplace_back("lambda-runtime-function-error-type", std::move(error_type));
  request.body = std::move(body);
  request.idempotent = false;  // an event is answered once
  http::SendOptions options;
  options.request_timeout = kAnswerTimeout;
  auto response = co_await transport_.send(request, options);
  if (!response) co_return std::unexpected(std::move(response.error()));
  if (response->status != 202) co_return not_the_interface("answer", *response, "it answered " + response->body);
  co_return Status{};
}

Result<http::Endpoint> parse_runtime_address(std::string_view text) {
  auto endpoint = http::parse_endpoint("http://" + std::string(text));
  if (!endpoint) {
    return failure(ErrorClass::kInvalid, "read variable", "AWS_LAMBDA_RUNTIME_API",
                   "it is not HOST:PORT; Lambda sets it, and so does its emulator");
  }
  return endpoint;
}

}  // namespace dynamirror::lambda
