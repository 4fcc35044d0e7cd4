// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/transport.hpp"

namespace dynamirror::lambda {

/// One event that is to be answered.
struct Invocation {
  std::string request_id;
  WallTime deadline{};       ///< the function is ended then
  std::string function_arn;  ///< as it was invoked; may be empty
  std::string event;         ///< JSON
};

/// What Lambda is told of a failure; it tells whoever invoked the function, and counts it.
struct FunctionError {
  std::string type;  ///< e.g. "Dynamirror.Denied"
  std::string message;
};

[[nodiscard]] FunctionError function_error(const Error& error);

/// Lambda's runtime interface, the side of a custom runtime: asks for events, one after the other, and answers each.
/// Source: "Using the Lambda runtime API for custom runtimes" in the Lambda developer guide.
/// Not thread-safe: lives on one event loop.
class RuntimeInterface {
 public:
  /// The most that an answer may have.
  static constexpr std::size_t kMaxAnswerBytes = 6u << 20;

  /// `endpoint`: that of AWS_LAMBDA_RUNTIME_API. REQUIRES: transport outlives this.
  RuntimeInterface(http::Transport& transport, http::Endpoint endpoint)
      : transport_(transport), endpoint_(std::move(endpoint)) {}

  /// Waits for the next event, for as long as it takes: the process may be frozen meanwhile. Errors: those of the
  /// transport; class fatal for an answer that is not the interface's.
  [[nodiscard]] async::Task<Result<Invocation>> next();
  /// REQUIRES: once for each invocation, this or `fail`. Errors: as above; class invalid for a body that is too large.
  [[nodiscard]] async::Task<Status> respond(std::string request_id, std::string body);
  [[nodiscard]] async::Task<Status> fail(std::string request_id, FunctionError error);
  /// Of a function that cannot start. The process is to end afterwards.
  [[nodiscard]] async::Task<Status> fail_start(FunctionError error);

 private:
  [[nodiscard]] async::Task<Status> post(std::string path, std::string body, std::string error_type);

  http::Transport& transport_;
  http::Endpoint endpoint_;
};

/// "HOST:PORT". Errors: class invalid.
[[nodiscard]] Result<http::Endpoint> parse_runtime_address(std::string_view text);

}  // namespace dynamirror::lambda
