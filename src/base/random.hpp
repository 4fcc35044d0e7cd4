// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

namespace dynamirror {

/// Pseudo-random numbers, injected so that a seed replays a run exactly. Not for secrets. Not thread-safe.
/// The distributions are written out here because the standard library's differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, 2^64).
  [[nodiscard]] std::uint64_t next() { return engine_(); }

  /// Uniform in [0, bound). REQUIRES: bound > 0. (The bias of the modulo is below 2^-32 for our bounds.)
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

  /// Uniform in [0, 1).
  [[nodiscard]] double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

  /// True with the given probability.
  [[nodiscard]] bool chance(double probability) { return unit() < probability; }

 private:
  std::mt19937_64 engine_;
};

/// A seed from the operating system.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace dynamirror
