// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/clock_skew.hpp"

#include "aws/impl/time_formats.hpp"
#include "base/log.hpp"

namespace dynamirror::aws {
namespace {

constexpr std::chrono::seconds kNegligible{30};

bool is_negligible(WallTime::duration difference) { return difference < kNegligible && difference > -kNegligible; }

}  // namespace

bool ClockSkew::learn(const http::Response& response, WallTime signed_at, WallTime ours) {
  const auto date = response.header("date");
  const auto theirs = date ? parse_http_date(*date) : std::nullopt;
  if (!theirs || is_negligible(*theirs - signed_at)) return false;
  const auto offset = *theirs - ours;
  // Requests that were under way together are refused together: only the first of them has news.
  if (!is_negligible(offset - offset_)) {
    offset_ = offset;
    log::warning("this machine's clock differs from the service's; signing with the service's time",
                 {{"offset_s", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(offset).count())}});
  }
  return true;
}

}  // namespace dynamirror::aws
