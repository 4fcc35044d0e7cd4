// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// How far the service's clock is from ours, learned from its answers: a machine with a wrong clock can then still sign
/// requests, which AWS refuses when their time is off by five minutes. Not thread-safe.
class ClockSkew {
 public:
  [[nodiscard]] WallTime corrected(WallTime ours) const { return ours + offset_; }

  /// After an answer that refuses a signature for its time: takes over the time in its Date header. False when that is
  /// (almost) the time the request was signed with, so that signing it again would not help.
  [[nodiscard]] bool learn(const http::Response& response, WallTime signed_at, WallTime ours);

 private:
  WallTime::duration offset_{};
};

}  // namespace dynamirror::aws
