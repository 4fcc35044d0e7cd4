// SPDX-License-Identifier: Apache-2.0
#include "async/retry.hpp"

#include <algorithm>

#include "async/sleep.hpp"

namespace dynamirror::async {
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

std::optional<std::chrono::microseconds> Retry::next_pause() {
  ++failures_;
  if (failures_ >= policy_.max_attempts) return std::nullopt;
  const auto pause = backoff_.next(random_);
  if (clock_ == nullptr) return pause;
  const SteadyTime due = clock_->steady_now() + pause;
  if (due >= bounds_.not_after) return std::nullopt;
  if (policy_.give_up_after && due > started_ + *policy_.give_up_after) return std::nullopt;
  return pause;
}

std::optional<std::chrono::microseconds> Retry::next_pause(const Error& error) {
  if (!policy_.worth_another(error)) {
    ++failures_;
    return std::nullopt;
  }
  const auto pause = next_pause();
  if (pause && bounds_.budget != nullptr && !bounds_.budget->spend(error)) return std::nullopt;
  return pause;
}

void Retry::succeeded() {
  failures_ = 0;
  backoff_.reset();
  if (clock_ != nullptr) started_ = clock_->steady_now();
}

Task<bool> Retry::again(const Error& error) { return wait(next_pause(error)); }

Task<bool> Retry::again() { return wait(next_pause()); }

Task<bool> Retry::wait(std::optional<std::chrono::microseconds> pause) {
  if (pause) co_await sleep_for(*pause);
  co_return pause.has_value();
}

}  // namespace dynamirror::async
