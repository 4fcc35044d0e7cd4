// SPDX-License-Identifier: Apache-2.0
#include "pipeline/lag_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace dynamirror::jobs {

void LagHistogram::add(std::chrono::milliseconds lag) {
  const double ms = static_cast<double>(std::max<std::int64_t>(1, lag.count()));
  const auto bucket = static_cast<std::size_t>(std::ceil(std::log2(ms) * kStepsPerDoubling));
  ++buckets_[std::min(bucket, kBuckets - 1)];
  ++count_;
}

std::chrono::milliseconds LagHistogram::quantile(double share) const {
  if (count_ == 0) return std::chrono::milliseconds(0);
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= std::max<std::uint64_t>(rank, 1)) {
      return std::chrono::milliseconds(std::llround(std::exp2(static_cast<double>(bucket) / kStepsPerDoubling)));
    }
  }
  return std::chrono::milliseconds(0);
}

}  // namespace dynamirror::jobs
