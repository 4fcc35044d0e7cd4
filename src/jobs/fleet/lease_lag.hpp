// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/task.hpp"
#include "base/clock.hpp"
#include "jobs/fleet/lease_report.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::jobs {

/// Reads the change that follows each unfinished lease's checkpoint and sets `lag`. A checkpoint in DynamoDB Streams
/// holds no time, so this is the only way to tell. It costs one to a few stream reads for each lease, and uses one of
/// the two readers that a shard bears, for a moment. What cannot be read says so in its lag.
/// REQUIRES: stream, report and clock outlive the task.
[[nodiscard]] async::Task<> measure_lags(const source::ChangeStream& stream, LeaseReport& report, const Clock& clock);

}  // namespace dynamirror::jobs
