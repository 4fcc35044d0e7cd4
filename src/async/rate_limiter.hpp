// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace dynamirror::async {

/// A token bucket whose cost is known only afterwards, as with DynamoDB's capacity units: reserve an estimate before
/// the request, settle with what was consumed after it. Debt delays later reservations, so that over any time t the
/// settled consumption stays below rate · t + burst.
///
/// Pure and not thread-safe: the caller passes the time and sleeps.
class RateLimiter {
 public:
  /// REQUIRES: units_per_second > 0, burst_units > 0. Starts full.
  RateLimiter(double units_per_second, double burst_units, SteadyTime now)
      : rate_(units_per_second), burst_(burst_units), level_(burst_units), refilled_at_(now) {}

  /// How long to wait before `units` may be reserved; zero when they may be now. An amount above the burst is allowed
  /// once the bucket is full.
  [[nodiscard]] Duration delay_for(double units, SteadyTime now) {
    refill(now);
    const double missing = std::min(units, burst_) - level_;
    if (missing <= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(missing / rate_)) + Duration(1);
  }

  /// Takes `units`; the level may become negative.
  void reserve(double units, SteadyTime now) {
    refill(now);
    level_ -= units;
  }

  /// Corrects a reservation once the true consumption is known.
  void settle(double reserved_units, double consumed_units) {
    level_ = std::min(burst_, level_ + reserved_units - consumed_units);
  }

 private:
  void refill(SteadyTime now) {
    if (now <= refilled_at_) return;
    level_ = std::min(burst_, level_ + rate_ * std::chrono::duration<double>(now - refilled_at_).count());
    refilled_at_ = now;
  }

  double rate_;
  double burst_;
  double level_;
  SteadyTime refilled_at_;
};

}  // namespace dynamirror::async
