// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "jobs/replication/initial_load.hpp"
#include "jobs/replication/replicate.hpp"

namespace dynamirror::app {

/// Says how a replication is getting on: one line, rewritten every second, on a terminal; one log line a minute
/// elsewhere. Runs until cancelled. `replication` and `clock` outlive the task. `more`, if it is given: what the line
/// ends with.
[[nodiscard]] async::Task<> report_progress(const jobs::Replication& replication, const Clock& clock,
                                            std::function<std::string()> more = {});

/// How far a job over whole tables is.
struct WorkDone {
  std::uint64_t items = 0;
  std::uint64_t total = 0;  ///< as far as it is known beforehand (tables count their items every six hours); 0: unknown
  std::string more{};       ///< e.g. "1,234 read units"
};

/// The same for a job over items, with percentage and time left. `look` outlives the task.
[[nodiscard]] async::Task<> report_work(const std::function<WorkDone()>& work_done, const Clock& clock);

/// The same for an initial load of about `items`. `load` outlives the task.
[[nodiscard]] async::Task<> report_load(const jobs::InitialLoad& load, std::uint64_t items);

/// "12,345 items, 1,234/s, 45 %, 2 min left, 1,234 read units".
[[nodiscard]] std::string progress_line(const WorkDone& done, double items_per_second);

/// "1,234 changes/s, lag 2.1 s, 56 held, 3 of 4 shards, 0 dead letters".
[[nodiscard]] std::string progress_line(const jobs::ReplicateStatus& status, double changes_per_second);

/// The same without a speed: "caught up, 3 shards being read, 1,234 changes settled".
[[nodiscard]] std::string state_line(const jobs::ReplicateStatus& status);

/// Why a replication does not do what it is there for; nothing while it does: the target has been lacking changes for
/// longer than `kLongestLag`, and something is in their way. Names no table and no account: anyone may be told.
inline constexpr std::chrono::minutes kLongestLag{1};
[[nodiscard]] std::optional<std::string> trouble_of(const jobs::ReplicateStatus& status);

}  // namespace dynamirror::app
