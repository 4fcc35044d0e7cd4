// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "async/retry.hpp"
#include "async/task.hpp"
#include "aws/credentials/credentials.hpp"
#include "aws/signed_caller.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

struct ApiAnswer {
  std::string body;  ///< with spare capacity of json::Reader::kPadding
  std::string request_id;
};

/// Speaks AWS's JSON protocol (X-Amz-Target) with one service in one region as one identity: verifies x-amz-crc32 and
/// classifies errors; signs, retries, corrects clock skew and renews credentials as `SignedCaller` does.
/// Not thread-safe: lives on one event loop.
class ApiClient {
 public:
  struct Options {
    http::Endpoint endpoint;
    Region region;
    std::string service = "dynamodb";                 ///< signing name
    std::string target_prefix = "DynamoDB_20120810";  ///< "DynamoDBStreams_20120810" for streams
    std::string json_version = "1.0";                 ///< of the protocol; Kinesis speaks 1.1
    http::SendOptions send{};
    async::RetryPolicy retry{};
  };

  /// REQUIRES: transport, credentials, clock and random outlive the client.
  ApiClient(Options options, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock,
            Random& random);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  struct Call {
    std::string_view operation;  ///< e.g. "DescribeTable"
    std::string_view resource;   ///< for messages, e.g. "eu-west-1/Orders"
    std::string body;            ///< JSON
    bool idempotent = true;
    /// Throttling is answered to the caller at once instead of being retried here: for callers with their own pace.
    bool return_throttling = false;
    int max_attempts = 0;                ///< 0: the policy's
    SteadyTime not_after = kNoDeadline;  ///< neither sent, nor sent again, nor waited for after this
  };

  /// Errors: as classified by `classify_error`, after retries.
  [[nodiscard]] async::Task<Result<ApiAnswer>> call(Call call);

  [[nodiscard]] const Options& options() const;

  using Statistics = SignedCaller::Statistics;
  [[nodiscard]] const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::aws
