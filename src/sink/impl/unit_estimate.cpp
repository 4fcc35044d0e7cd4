// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/unit_estimate.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace dynamirror::sink {
namespace {

constexpr double kBytesPerUnit = 1024;
constexpr double kForgetting = 0.05;  ///< how far a guess falls towards a lower observation

/// JSON text is longer than what DynamoDB counts for the same item, as good as always.
double kilobytes(const model::Change& change) {
  return std::max(1.0, std::ceil(static_cast<double>(change.image().size()) / kBytesPerUnit));
}

void approach(double& guess, double seen, bool first) {
  guess = first || seen > guess ? seen : guess + kForgetting * (seen - guess);
}

}  // namespace

double UnitEstimate::of(const model::Change& change) const {
  return change.is_delete() ? per_deletion_ : kilobytes(change) * per_kilobyte_put_;
}

double UnitEstimate::of(std::span<const model::Change* const> changes) const {
  double units = 0;
  for (const model::Change* change : changes) units += of(*change);
  return units;
}

void UnitEstimate::learn(std::span<const model::Change* const> changes, double consumed_units) {
  assert(consumed_units > 0);
  // In a mixed request nobody knows who consumed what: each kind is taken to be off by the same factor.
  const double factor = consumed_units / of(changes);
  const auto deletions =
      std::count_if(changes.begin(), changes.end(), [](auto* change) { return change->is_delete(); });
  if (deletions > 0) {
    approach(per_deletion_, per_deletion_ * factor, !deletions_seen_);
    deletions_seen_ = true;
  }
  if (static_cast<std::size_t>(deletions) < changes.size()) {
    approach(per_kilobyte_put_, per_kilobyte_put_ * factor, !puts_seen_);
    puts_seen_ = true;
  }
}

bool UnitEstimate::knows(std::span<const model::Change* const> changes) const {
  return std::all_of(changes.begin(), changes.end(),
                     [this](auto* change) { return change->is_delete() ? deletions_seen_ : puts_seen_; });
}

}  // namespace dynamirror::sink
