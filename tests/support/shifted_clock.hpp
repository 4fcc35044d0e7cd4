// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

namespace dynamirror::support {

/// The machine's clock with another calendar time: a test says what happens a day later without waiting for it.
/// Not thread-safe.
class ShiftedClock final : public Clock {
 public:
  /// REQUIRES: `shift` outlives the clock; it may change at any time.
  explicit ShiftedClock(const Duration& shift) : shift_(shift) {}

  [[nodiscard]] WallTime wall_now() const override {
    return system_clock().wall_now() + std::chrono::duration_cast<WallTime::duration>(shift_);
  }
  [[nodiscard]] SteadyTime steady_now() const override { return system_clock().steady_now(); }

 private:
  const Duration& shift_;
};

}  // namespace dynamirror::support
