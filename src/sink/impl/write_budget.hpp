// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "async/rate_limiter.hpp"
#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "model/change.hpp"
#include "sink/impl/unit_estimate.hpp"

namespace dynamirror::sink {

/// Keeps the consumed write units of all requests together below a rate: over any time t at most rate · t + rate · 1 s.
///
/// Half of that second is the bucket, the other half is kept for requests that turn out dearer than estimated; what
/// they overspend delays the next ones. While nobody knows what a kind of change costs, one request at a time finds
/// out. Not thread-safe: lives on one event loop, and must outlive its reservations.
class WriteBudget {
 public:
  static constexpr double kShareSeconds = 0.1;  ///< how much of the rate one request may take at once

  /// REQUIRES: units_per_second > 0; clock outlives the budget.
  WriteBudget(double units_per_second, const Clock& clock)
      : units_per_second_(units_per_second),
        clock_(clock),
        bucket_(units_per_second, units_per_second * kBucketSeconds, clock.steady_now()) {}

  /// The right to send one request. Without a settlement its estimate counts as consumed: a request without an answer
  /// may have been executed.
  class Reservation {
   public:
    Reservation(WriteBudget& budget, double units) : budget_(&budget), units_(units) { ++budget.under_way_; }
    Reservation(Reservation&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), units_(other.units_) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation() {
      if (budget_ != nullptr) budget_->end();
    }

    /// The service has answered. `consumed_units` is 0 for a request that it refused. `written`: the changes the units
    /// were for; empty to learn nothing from them.
    void settle(std::span<const model::Change* const> written, double consumed_units);

    [[nodiscard]] double units() const { return units_; }  ///< as estimated

   private:
    WriteBudget* budget_;
    double units_;
  };

  /// Waits until the changes of one request may be sent; first come, first served.
  [[nodiscard]] async::Task<Reservation> reserve(std::span<const model::Change* const> changes);

  /// How many of the first changes fit one request: a tenth of a second's units, or one change.
  [[nodiscard]] std::size_t share(std::span<const model::Change* const> changes) const;

  [[nodiscard]] Duration waited() const { return waited_; }

 private:
  static constexpr double kBucketSeconds = 0.5;

  void end() {
    --under_way_;
    ended_.notify();
  }

  double units_per_second_;
  const Clock& clock_;
  async::RateLimiter bucket_;
  UnitEstimate estimate_;
  async::Semaphore turn_{1};  // who waits for units is not overtaken by a cheaper request
  async::Signal ended_;
  std::size_t under_way_ = 0;
  Duration waited_{};
};

}  // namespace dynamirror::sink
