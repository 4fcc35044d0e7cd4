// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "jobs/replicate.hpp"

namespace dynamirror::app {

/// Says how a replication is getting on: one line, rewritten every second, on a terminal; one log line a minute
/// elsewhere. Runs until cancelled. `replication` and `clock` outlive the task.
[[nodiscard]] async::Task<> report_progress(const jobs::Replication& replication, const Clock& clock);

/// "1,234 changes/s, lag 2.1 s, 56 held, 3 of 4 shards, 0 dead letters".
[[nodiscard]] std::string progress_line(const jobs::ReplicateStatus& status, double changes_per_second);

}  // namespace dynamirror::app
