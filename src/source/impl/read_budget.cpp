// SPDX-License-Identifier: Apache-2.0
#include "source/impl/read_budget.hpp"

#include <algorithm>
#include <cmath>

namespace dynamirror::source {
namespace {

// A unit is 4 KiB of strongly consistent reading, or twice as much otherwise; a page ends at 1 MiB.
constexpr double kConsistentUnitsAPage = 256;
/// Items are at most 400 KB; before anything is known, a cautious guess between that and the usual few hundred bytes.
constexpr double kFirstGuessUnits = 2;
constexpr int kGrowth = 4;
constexpr double kNewestWeight = 0.3;

}  // namespace

ReadBudget::ReadBudget(double units_per_second, bool consistent, SteadyTime now)
    : units_a_page_(0),
      most_units_(consistent ? kConsistentUnitsAPage : kConsistentUnitsAPage / 2),
      units_an_item_(kFirstGuessUnits),
      last_limit_(0),
      rate_(units_per_second, units_per_second, now) {
  units_a_page_ = std::min(most_units_, units_per_second);
  last_limit_ = std::max(1, static_cast<int>(units_a_page_ / kFirstGuessUnits));
  rate_.reserve(units_per_second, now);  // not full: the first second is not to cost two seconds' budget
}

ReadBudget::Reservation ReadBudget::next_page() const {
  const double fitting = std::floor(units_a_page_ / units_an_item_);
  const double allowed = std::min(fitting, static_cast<double>(last_limit_) * kGrowth);
  const int items = static_cast<int>(std::clamp(allowed, 1.0, 1e6));
  return {.units = std::min(most_units_, std::max(0.5, items * units_an_item_)), .max_items = items};
}

Duration ReadBudget::delay(SteadyTime now) { return rate_.delay_for(next_page().units, now); }

ReadBudget::Reservation ReadBudget::reserve(SteadyTime now) {
  const Reservation page = next_page();
  rate_.reserve(page.units, now);
  return page;
}

void ReadBudget::settle(const Reservation& reservation, double consumed_units, std::size_t items) {
  rate_.settle(reservation.units, consumed_units);
  if (items == 0) return;
  const double seen = std::max(consumed_units / static_cast<double>(items), 1e-4);
  // Larger items count at once, smaller ones little by little.
  units_an_item_ = seen > units_an_item_ ? seen : units_an_item_ + kNewestWeight * (seen - units_an_item_);
  last_limit_ = std::max(last_limit_, reservation.max_items);
}

}  // namespace dynamirror::source
