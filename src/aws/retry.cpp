// SPDX-License-Identifier: Apache-2.0
#include "aws/retry.hpp"

#include <algorithm>

namespace dynamirror::aws {
namespace {

constexpr int kCapacity = 500;
constexpr int kRetryPrice = 5;
constexpr int kTimeoutPrice = 10;
constexpr int kSuccessRefund = 1;

}  // namespace

bool RetryBudget::spend(const Error& error) {
  const int price = error.code == "Timeout" ? kTimeoutPrice : kRetryPrice;
  if (tokens_ < price) return false;
  tokens_ -= price;
  return true;
}

void RetryBudget::refill() { tokens_ = std::min(kCapacity, tokens_ + kSuccessRefund); }

std::optional<std::chrono::microseconds> Retry::next_pause(const Error& error, RetryBudget& budget, SteadyTime now,
                                                           Random& random) {
  ++failures_;
  if (!error.retryable() || failures_ >= policy_.max_attempts) return std::nullopt;
  const auto pause = backoff_.next(random);
  if (now + pause > started_ + policy_.give_up_after) return std::nullopt;
  if (!budget.spend(error)) return std::nullopt;
  return pause;
}

}  // namespace dynamirror::aws
