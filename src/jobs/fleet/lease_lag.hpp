// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "jobs/fleet/lease_report.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::jobs {

/// What measuring takes.
struct LagParts {
  const source::ChangeStream& stream;
  const Clock& clock;
  Random& random;
};

/// Reads the change that follows each unfinished lease's checkpoint and sets `lag`. A checkpoint in DynamoDB Streams
/// holds no time, so this is the only way to tell. It costs one to a few stream reads for each lease, and uses one of
/// the two readers that a shard bears, for a moment. What cannot be read says so in its lag.
/// REQUIRES: the parts and the report outlive the task.
[[nodiscard]] async::Task<> measure_lags(LagParts parts, LeaseReport& report);

}  // namespace dynamirror::jobs
