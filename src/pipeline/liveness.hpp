// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

namespace dynamirror::jobs {

/// Tells for how long something that should move has not. Pure and not thread-safe.
class Liveness {
 public:
  explicit Liveness(SteadyTime now) : moved_at_(now) {}

  /// It moved, or has nothing to do and need not.
  void moved(SteadyTime now) { moved_at_ = now; }

  [[nodiscard]] bool stalled(SteadyTime now, Duration limit) const { return now - moved_at_ > limit; }

 private:
  SteadyTime moved_at_;
};

}  // namespace dynamirror::jobs
