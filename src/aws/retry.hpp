// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "async/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace dynamirror::aws {

struct RetryPolicy {
  int max_attempts = 10;  ///< including the first
  async::Backoff::Options backoff{};
  std::chrono::milliseconds give_up_after{60'000};  ///< no new attempt starts later than this
};

/// Keeps retries from multiplying the load on a service that is down: each costs tokens from a bucket that successes
/// refill slowly. The numbers are those of the AWS SDKs' "standard" mode, where time-outs cost more because the service
/// may still be working on them. Not thread-safe.
class RetryBudget {
 public:
  /// Takes the price of one retry after `error`; false, and nothing taken, when the bucket holds less.
  [[nodiscard]] bool spend(const Error& error);

  /// A request has succeeded.
  void refill();

  [[nodiscard]] int tokens() const { return tokens_; }

 private:
  int tokens_ = 500;
};

/// Decides, for one call, whether and when to try again: the one place where AWS requests are retried from. Pure: the
/// caller sleeps. Every sequence of retries is bounded by attempts, by time and by the budget.
class Retry {
 public:
  Retry(const RetryPolicy& policy, SteadyTime started) : policy_(policy), backoff_(policy.backoff), started_(started) {}

  /// Called after a failed attempt. The pause before the next one; nothing when the error is to be returned.
  [[nodiscard]] std::optional<std::chrono::microseconds> next_pause(const Error& error, RetryBudget& budget,
                                                                    SteadyTime now, Random& random);

  /// Attempts that have failed so far.
  [[nodiscard]] int failures() const { return failures_; }

 private:
  RetryPolicy policy_;
  async::Backoff backoff_;
  SteadyTime started_;
  int failures_ = 0;
};

}  // namespace dynamirror::aws
