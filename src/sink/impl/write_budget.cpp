// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/write_budget.hpp"

#include <algorithm>

#include "async/sleep.hpp"

namespace dynamirror::sink {
namespace {

/// Units may come back (settled below the estimate) while a request waits for them: it looks again at least so often.
constexpr Duration kLongestSleep = std::chrono::milliseconds(50);

}  // namespace

async::Task<WriteBudget::Reservation> WriteBudget::reserve(std::span<const model::Change* const> changes) {
  const SteadyTime start = clock_.steady_now();
  const async::Semaphore::Permit turn = co_await turn_.acquire();
  while (!estimate_.knows(changes) && under_way_ > 0) co_await ended_.wait();
  double units = estimate_.of(changes);
  while (true) {  // ends when the bucket has filled, at its rate
    const Duration delay = bucket_.delay_for(units, clock_.steady_now());
    if (delay == Duration::zero()) break;
    co_await async::sleep_for(std::min(delay, kLongestSleep));
    units = estimate_.of(changes);
  }
  const SteadyTime now = clock_.steady_now();
  waited_ += now - start;
  bucket_.reserve(units, now);
  co_return Reservation(*this, units);
}

void WriteBudget::Reservation::settle(std::span<const model::Change* const> written, double consumed_units) {
  budget_->bucket_.settle(units_, consumed_units);
  if (!written.empty() && consumed_units > 0) budget_->estimate_.learn(written, consumed_units);
  std::exchange(budget_, nullptr)->end();
}

std::size_t WriteBudget::share(std::span<const model::Change* const> changes) const {
  const double limit = units_per_second_ * kShareSeconds;
  double units = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    units += estimate_.of(*changes[i]);
    if (units > limit) return std::max<std::size_t>(i, 1);
  }
  return changes.size();
}

}  // namespace dynamirror::sink
