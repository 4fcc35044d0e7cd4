// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <chrono>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "async/backoff.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace dynamirror::async {

/// What another attempt may mend.
[[nodiscard]] inline bool is_retryable(const Error& error) { return error.retryable(); }
/// The same, of what must not be done twice.
[[nodiscard]] inline bool is_safe_to_repeat(const Error& error) { return error.retryable() && error.not_applied; }
[[nodiscard]] inline bool is_throttled(const Error& error) { return error.error_class == ErrorClass::kThrottled; }

/// How often, and for how long, one operation is tried. Operations whose end somebody else decides have no limits.
struct RetryPolicy {
  static constexpr int kUnlimited = std::numeric_limits<int>::max();

  int max_attempts = 10;  ///< including the first
  Backoff::Options backoff{};
  std::optional<std::chrono::milliseconds> give_up_after = std::chrono::milliseconds(60'000);  ///< no attempt later
  bool (*worth_another)(const Error&) = is_retryable;
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

/// What bounds an operation beside its policy.
struct RetryBounds {
  RetryBudget* budget = nullptr;       ///< shared by the operations of one client
  SteadyTime not_after = kNoDeadline;  ///< no attempt begins at or after it
};

/// The attempts of one operation: whether and when there is another. The one place where anything is tried again. Every
/// sequence is bounded by attempts, by time, by a deadline and by the budget, as far as these are given. Not
/// thread-safe.
class Retry {
 public:
  /// REQUIRES: clock, random and the budget outlive the object.
  Retry(const RetryPolicy& policy, const Clock& clock, Random& random, RetryBounds bounds = {})
      : policy_(policy),
        clock_(&clock),
        random_(random),
        bounds_(bounds),
        backoff_(policy.backoff),
        started_(clock.steady_now()) {}

  /// Of an operation that no time bounds. REQUIRES: the policy has no `give_up_after`.
  Retry(const RetryPolicy& policy, Random& random) : policy_(policy), random_(random), backoff_(policy.backoff) {
    assert(!policy.give_up_after);
  }

  /// Called after a failed attempt. The pause before the next one; nothing when the error is to be returned.
  [[nodiscard]] std::optional<std::chrono::microseconds> next_pause(const Error& error);

  /// The same for an attempt that did not fail, but came to nothing.
  [[nodiscard]] std::optional<std::chrono::microseconds> next_pause();

  /// Waits until the next attempt is due; false at once when there is none.
  [[nodiscard]] Task<bool> again(const Error& error);
  [[nodiscard]] Task<bool> again();

  /// What comes next is another operation, with pauses and attempts of its own.
  void succeeded();

  /// Attempts that have failed so far.
  [[nodiscard]] int failures() const { return failures_; }

 private:
  [[nodiscard]] Task<bool> wait(std::optional<std::chrono::microseconds> pause);

  RetryPolicy policy_;
  const Clock* clock_ = nullptr;  ///< null when no time bounds the operation
  Random& random_;
  RetryBounds bounds_{};
  Backoff backoff_;
  SteadyTime started_{};
  int failures_ = 0;
};

/// Calls until the call succeeds or no further attempt is due; gives the last result.
/// REQUIRES: what `call` refers to outlives the task (await at once).
template <class Call>
[[nodiscard]] Task<typename std::invoke_result_t<Call>::value_type> retried(Retry retry, Call call) {
  while (true) {  // until the retry's bounds
    auto result = co_await call();
    if (result) co_return result;
    const bool again = co_await retry.again(result.error());
    if (!again) co_return result;
  }
}

}  // namespace dynamirror::async
