// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dynamirror::jobs {

/// Counts durations in buckets that grow by a quarter (about 12 % error), from 1 ms to weeks, in fixed memory.
/// Not thread-safe.
class LagHistogram {
 public:
  void add(std::chrono::milliseconds lag);

  /// The duration that the given share (0…1) of all added ones does not exceed; zero when none was added.
  [[nodiscard]] std::chrono::milliseconds quantile(double share) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static constexpr std::size_t kStepsPerDoubling = 4;
  static constexpr std::size_t kBuckets = 32 * kStepsPerDoubling;

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace dynamirror::jobs
