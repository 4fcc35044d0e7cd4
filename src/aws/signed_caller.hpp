// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "async/retry.hpp"
#include "async/task.hpp"
#include "aws/credentials/credentials.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/function_ref.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// What every client of AWS shares, whatever the protocol in its requests: signs for one service in one region as one
/// identity, sends, retries with full jitter under a retry budget, corrects clock skew, and asks the source
/// of credentials again when the service refuses them, a few times.
/// Not thread-safe: lives on one event loop; calls may overlap.
class SignedCaller {
 public:
  struct Options {
    Region region;
    std::string service;  ///< signing name
    async::RetryPolicy retry{};
  };

  /// REQUIRES: transport, credentials, clock and random outlive the caller.
  SignedCaller(Options options, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock,
               Random& random);
  ~SignedCaller();
  SignedCaller(const SignedCaller&) = delete;
  SignedCaller& operator=(const SignedCaller&) = delete;

  struct Call {
    std::string_view operation;  ///< e.g. "DescribeTable"
    std::string_view resource;   ///< for messages, e.g. "eu-west-1/Orders"
    http::Request& request;      ///< complete but for its signature, which is written into it
    /// Judges an answer, of whatever status: nothing wrong, or the error it stands for, classified.
    FunctionRef<Status(http::Response&)> accept;
    http::SendOptions send{};
    /// Throttling is answered to the caller at once instead of being retried here: for callers with their own pace.
    bool return_throttling = false;
    int max_attempts = 0;  ///< 0: the policy's
  };

  /// An answer that `accept` took. Errors: as `accept` classified them, and those of transport and credentials; after
  /// retries. A request that is not idempotent is sent again only when the service cannot have begun with it.
  /// REQUIRES: what `call` refers to outlives the task (await at once).
  [[nodiscard]] async::Task<Result<http::Response>> call(Call call);

  struct Statistics {
    std::uint64_t requests = 0;  ///< attempts sent
    std::uint64_t retries = 0;
    std::uint64_t throttled = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
  };
  [[nodiscard]] const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "BatchWriteItem" -> "batch write item": what was being done, for messages.
[[nodiscard]] std::string words_of(std::string_view operation);

}  // namespace dynamirror::aws
