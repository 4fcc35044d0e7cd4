// SPDX-License-Identifier: Apache-2.0
#include "async/concurrency_limit.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace dynamirror::async {
namespace {

/// A window counts at least so many answers, and so many for each request at once: below that, chance decides.
constexpr std::size_t kMinWindow = 40;
constexpr std::size_t kWindowPerRequest = 6;

/// More at once must bring this share of what perfect scaling would, or it is not worth its latency.
constexpr double kWorthwhileShare = 0.35;
/// Less at once is as good when it keeps this much of the throughput.
constexpr double kAsGood = 0.95;

constexpr double kDoubling = 2;    ///< of slow start
constexpr double kGrowth = 1.25;   ///< of a try
constexpr double kRetreat = 0.85;  ///< of a try
constexpr double kCut = 0.7;       ///< gentler than TCP's half: one throttled partition is not a full pipe
constexpr std::size_t kHoldWindows = 4;
/// A single failure is an accident; several in a row mean that the target or the way to it is in trouble.
constexpr int kFailuresInARow = 3;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ConcurrencyLimit::ConcurrencyLimit(Options options) : options_(options), limit_(options.initial) {
  assert(1 <= options.initial && options.initial <= options.max);
}

void ConcurrencyLimit::finished(Duration latency, Outcome outcome, SteadyTime now) {
  assert(in_flight_ > 0);
  const bool was_full = in_flight_ >= limit_;
  --in_flight_;
  const bool sent_after_cut = !last_cut_ || now - latency > *last_cut_;
  failures_in_a_row_ = outcome == Outcome::kFailed ? failures_in_a_row_ + 1 : 0;
  const bool in_trouble = outcome == Outcome::kThrottled || failures_in_a_row_ >= kFailuresInARow;
  if (in_trouble) {
    if (sent_after_cut) cut(now);
    return;
  }
  if (outcome == Outcome::kFailed) return;

  if (!window_open_) begin_window(in_flight_, now);
  if (warm_up_left_ > 0) {
    if (--warm_up_left_ == 0) window_start_ = now;
    return;
  }
  ++window_done_;
  if (!was_full) ++window_idle_;
  if (const auto measured = close_window(now)) judge(*measured, now);
}

void ConcurrencyLimit::cut(SteadyTime now) {
  ++cuts_;
  last_cut_ = now;
  failures_in_a_row_ = 0;
  base_.reset();  // measured in a time that is over
  move_to(Phase::kHold, scaled(kCut), now);
}

void ConcurrencyLimit::begin_window(std::size_t warm_up, SteadyTime now) {
  window_open_ = true;
  warm_up_left_ = warm_up;
  window_start_ = now;
  window_done_ = 0;
  window_idle_ = 0;
}

/// A full window's result; nothing while it is too short, or when the caller had too little to send for it to say
/// anything.
std::optional<ConcurrencyLimit::Measurement> ConcurrencyLimit::close_window(SteadyTime now) {
  const std::size_t wanted = std::max(kMinWindow, kWindowPerRequest * limit_);
  if (window_done_ < wanted || now <= window_start_) return std::nullopt;
  const Measurement measured{limit_, static_cast<double>(window_done_) / seconds(now - window_start_)};
  const bool limit_was_used = window_idle_ * 10 <= window_done_;
  begin_window(0, now);
  if (!limit_was_used) return std::nullopt;
  return measured;
}

bool ConcurrencyLimit::pays(const Measurement& more) const {
  if (!base_) return true;
  const double perfect = static_cast<double>(more.limit) / static_cast<double>(base_->limit);
  return more.per_second > base_->per_second * (1 + kWorthwhileShare * (perfect - 1));
}

void ConcurrencyLimit::judge(const Measurement& measured, SteadyTime now) {
  switch (phase_) {
    case Phase::kSlowStart:
    case Phase::kTryMore:
      if (!pays(measured)) return move_to(Phase::kHold, base_->limit, now);
      base_ = measured;
      if (limit_ == options_.max) return move_to(Phase::kHold, limit_, now);
      return move_to(phase_, scaled(phase_ == Phase::kSlowStart ? kDoubling : kGrowth), now);
    case Phase::kTryLess:
      if (measured.per_second < kAsGood * base_->per_second) return move_to(Phase::kHold, base_->limit, now);
      base_ = measured;
      if (limit_ == 1) return move_to(Phase::kHold, limit_, now);
      return move_to(Phase::kTryLess, scaled(kRetreat), now);
    case Phase::kHold:
      base_ = measured;
      if (++held_windows_ < kHoldWindows) return;
      less_is_next_ = limit_ > 1 && (limit_ == options_.max || !less_is_next_);
      if (less_is_next_) return move_to(Phase::kTryLess, scaled(kRetreat), now);
      if (limit_ < options_.max) return move_to(Phase::kTryMore, scaled(kGrowth), now);
      held_windows_ = 0;
  }
}

/// The limit times a factor, changed by one at least, within its bounds.
std::size_t ConcurrencyLimit::scaled(double factor) const {
  const double target = static_cast<double>(limit_) * factor;
  const auto whole = static_cast<std::size_t>(factor > 1 ? std::ceil(target) : std::floor(target));
  return std::clamp<std::size_t>(whole, 1, options_.max);
}

void ConcurrencyLimit::move_to(Phase phase, std::size_t limit, SteadyTime now) {
  phase_ = phase;
  limit_ = limit;
  held_windows_ = 0;
  begin_window(in_flight_, now);
}

}  // namespace dynamirror::async
