// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/change.hpp"

namespace dynamirror::sink {

/// Guesses how many write units changes will consume, and learns from what they did consume.
///
/// A put consumes a unit for each KB of the larger of the old and the new item, and again in each index it touches; a
/// deletion the same of an item we do not know. So: size in KB times a factor for puts, a plain average for deletions.
/// Both rise at once to what was seen and fall slowly: what is guessed too high is given back when the answer comes,
/// what is guessed too low is overspent. Pure and not thread-safe. Facts: DynamoDB developer guide, "Write request
/// units".
class UnitEstimate {
 public:
  [[nodiscard]] double of(const model::Change& change) const;
  [[nodiscard]] double of(std::span<const model::Change* const> changes) const;

  /// What a request with exactly these changes has consumed. REQUIRES: consumed_units > 0.
  void learn(std::span<const model::Change* const> changes, double consumed_units);

  /// True when changes of this kind have been seen, so that the guess is more than a guess.
  [[nodiscard]] bool knows(std::span<const model::Change* const> changes) const;

 private:
  double per_kilobyte_put_ = 1;
  double per_deletion_ = 1;
  bool puts_seen_ = false;
  bool deletions_seen_ = false;
};

}  // namespace dynamirror::sink
