// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "async/rate_limiter.hpp"
#include "base/clock.hpp"

namespace dynamirror::source {

/// Keeps the consumed read units of a scan below a rate: over any time t from the start, below rate · t plus the page
/// under way. Sizes pages (`Limit` of Scan) so that one costs about a second's budget at most, by what items cost so
/// far. Pure and not thread-safe.
class ReadBudget {
 public:
  struct Reservation {
    double units = 0;
    int max_items = 0;  ///< of the page; 0: as many as 1 MB holds
  };

  /// REQUIRES: units_per_second > 0.
  ReadBudget(double units_per_second, bool consistent, SteadyTime now);

  /// How long to wait before the next page may be reserved.
  [[nodiscard]] Duration delay(SteadyTime now);
  [[nodiscard]] Reservation reserve(SteadyTime now);

  /// What the page cost in truth, and how many items it had (0 when it failed).
  void settle(const Reservation& reservation, double consumed_units, std::size_t items);

 private:
  [[nodiscard]] Reservation next_page() const;

  double units_a_page_;   ///< aim, and at most what 1 MB costs
  double most_units_;     ///< of a page of 1 MB
  double units_an_item_;  ///< what is expected of items
  int last_limit_;        ///< pages grow slowly: the next items may be larger
  async::RateLimiter rate_;
};

}  // namespace dynamirror::source
