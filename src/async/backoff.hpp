// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace dynamirror::async {

/// Pauses between attempts: uniform in [0, min(cap, base · 2^attempt)] ("full jitter", which spreads a herd of
/// retrying clients best), on top of `least`. Pure: the caller sleeps.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds base{50};
    std::chrono::milliseconds cap{20'000};
    std::chrono::milliseconds least{0};
  };

  explicit Backoff(Options options) : options_(options) {}

  /// The next pause; each call doubles the range until the cap.
  [[nodiscard]] std::chrono::microseconds next(Random& random) {
    const auto cap = std::chrono::duration_cast<std::chrono::microseconds>(options_.cap).count();
    const auto base = std::chrono::duration_cast<std::chrono::microseconds>(options_.base).count();
    const auto range = attempt_ >= 30 ? cap : std::min<std::int64_t>(cap, base << attempt_);
    ++attempt_;
    return options_.least +
           std::chrono::microseconds(static_cast<std::int64_t>(random.unit() * static_cast<double>(range)));
  }

  /// After a success.
  void reset() { attempt_ = 0; }

  [[nodiscard]] int attempts() const { return attempt_; }

 private:
  Options options_;
  int attempt_ = 0;
};

}  // namespace dynamirror::async
