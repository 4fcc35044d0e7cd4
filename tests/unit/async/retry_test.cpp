// SPDX-License-Identifier: Apache-2.0
//
// Goal: operations are tried again as often, as long and as spread as their policy says, and no longer.
// Method: a clock that moves when told, seeded randomness; the sleeping itself with pauses of microseconds.
#include "async/retry.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/run_task.hpp"

namespace dynamirror::async {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Error error_of(ErrorClass error_class, bool not_applied = false) {
  return {.error_class = error_class,
          .doing = "try",
          .resource = {},
          .code = {},
          .message = {},
          .not_applied = not_applied};
}

const Error kTransient = error_of(ErrorClass::kTransient);

class RetryTest : public ::testing::Test {
 protected:
  /// Attempts until the retry gives up; the clock moves by each pause, and by `work` before it.
  int attempts(Retry retry, const Error& error, milliseconds work = milliseconds(0)) {
    for (int attempt = 1; attempt < 10'000; ++attempt) {
      clock_.advance(work);
      const auto pause = retry.next_pause(error);
      if (!pause) return attempt;
      clock_.advance(*pause);
    }
    return -1;
  }

  ManualClock clock_;
  Random random_{1};
};

TEST_F(RetryTest, TriesAsOftenAsThePolicySays) {
  EXPECT_EQ(attempts(Retry({.max_attempts = 4}, clock_, random_), kTransient), 4);
  EXPECT_EQ(attempts(Retry({.max_attempts = 1}, clock_, random_), kTransient), 1);
}

TEST_F(RetryTest, ReturnsAtOnceWhatNoRetryMends) {
  EXPECT_EQ(attempts(Retry({}, clock_, random_), error_of(ErrorClass::kDenied)), 1);
  const RetryPolicy once{.worth_another = is_safe_to_repeat};
  EXPECT_EQ(attempts(Retry(once, clock_, random_), kTransient), 1);
  EXPECT_EQ(attempts(Retry(once, clock_, random_), error_of(ErrorClass::kTransient, true)), once.max_attempts);
  const RetryPolicy throttled{.worth_another = is_throttled};
  EXPECT_EQ(attempts(Retry(throttled, clock_, random_), kTransient), 1);
  EXPECT_EQ(attempts(Retry(throttled, clock_, random_), error_of(ErrorClass::kThrottled)), throttled.max_attempts);
}

TEST_F(RetryTest, BeginsNoAttemptAfterItsTime) {
  const RetryPolicy policy{.max_attempts = RetryPolicy::kUnlimited,
                           .backoff = {.base = milliseconds(1), .cap = milliseconds(1)},
                           .give_up_after = milliseconds(1'000)};
  EXPECT_EQ(attempts(Retry(policy, clock_, random_), kTransient, milliseconds(300)), 4);
}

TEST_F(RetryTest, BeginsNoAttemptAtItsDeadline) {
  const RetryPolicy policy{.max_attempts = RetryPolicy::kUnlimited,
                           .backoff = {.base = milliseconds(0), .least = milliseconds(100)},
                           .give_up_after = std::nullopt};
  const RetryBounds bounds{.not_after = clock_.steady_now() + milliseconds(300)};
  EXPECT_EQ(attempts(Retry(policy, clock_, random_, bounds), kTransient), 3);
}

TEST_F(RetryTest, SpreadsItsPausesOverARangeThatDoublesUpToTheCap) {
  const RetryPolicy policy{.max_attempts = 9,
                           .backoff = {.base = milliseconds(10), .cap = milliseconds(80), .least = milliseconds(5)},
                           .give_up_after = std::nullopt};
  std::set<microseconds> seen;
  for (int run = 0; run < 100; ++run) {
    Retry retry(policy, random_);
    for (int failure = 0; failure < 8; ++failure) {
      const auto pause = retry.next_pause(kTransient);
      ASSERT_TRUE(pause);
      EXPECT_GE(*pause, milliseconds(5));
      EXPECT_LE(*pause, milliseconds(5 + std::min(80, 10 << failure)));
      seen.insert(*pause);
    }
  }
  EXPECT_GT(seen.size(), 700u);
}

TEST_F(RetryTest, BeginsAnewAfterASuccess) {
  Retry retry({.max_attempts = 3, .give_up_after = milliseconds(1'000)}, clock_, random_);
  EXPECT_TRUE(retry.next_pause());
  EXPECT_TRUE(retry.next_pause());
  retry.succeeded();
  clock_.advance(milliseconds(2'000));
  retry.succeeded();
  EXPECT_TRUE(retry.next_pause());
  EXPECT_TRUE(retry.next_pause());
  EXPECT_FALSE(retry.next_pause());
}

TEST_F(RetryTest, StopsWhenTheBudgetIsSpentWhichSuccessesRefill) {
  RetryBudget budget;
  const RetryPolicy policy{.max_attempts = RetryPolicy::kUnlimited, .give_up_after = std::nullopt};
  const RetryBounds bounds{.budget = &budget};
  EXPECT_EQ(attempts(Retry(policy, clock_, random_, bounds), kTransient), 101) << "500 tokens, 5 each";
  EXPECT_EQ(attempts(Retry(policy, clock_, random_, bounds), kTransient), 1);
  for (int success = 0; success < 5; ++success) budget.refill();
  EXPECT_EQ(attempts(Retry(policy, clock_, random_, bounds), kTransient), 2);
}

constexpr RetryPolicy kQuick{
    .max_attempts = 3, .backoff = {.base = milliseconds(1), .cap = milliseconds(1)}, .give_up_after = std::nullopt};

Task<Result<int>> count_up(int& calls, int good_from) {
  ++calls;
  if (calls < good_from) co_return std::unexpected(kTransient);
  co_return calls;
}

Task<Result<int>> count_until(int& calls, int good_from, Random& random) {
  const auto call = [&] { return count_up(calls, good_from); };
  co_return co_await retried(Retry(kQuick, random), call);
}

TEST_F(RetryTest, CallsUntilTheCallSucceedsOrIsGivenUp) {
  int calls = 0;
  EXPECT_EQ(support::run_task(count_until(calls, 2, random_)).value(), 2);
  calls = 0;
  EXPECT_FALSE(support::run_task(count_until(calls, 9, random_)));
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace dynamirror::async
