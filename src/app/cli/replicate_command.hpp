// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "app/report/summary.hpp"
#include "async/task.hpp"
#include "service/replication.hpp"

namespace dynamirror::app {

/// `dynamirror replicate` and `dynamirror incremental-backup`: runs the replication and says how it went, the summary
/// on stdout.
[[nodiscard]] ExitCode run_replicate(const ReplicateCommand& command);

/// The progress of one of a service's replications, until cancelled; both outlive the task.
[[nodiscard]] async::Task<> report_progress(const jobs::Replication& job, const service::Replication& replication);

/// Says what went wrong with a replication that has ended; returns the exit code.
[[nodiscard]] ExitCode tell(const service::ReplicationResult& result);

/// All but the exit code and the duration.
[[nodiscard]] ReplicateSummary summary_of(const service::ReplicationOptions& options,
                                          service::ReplicationResult result);

}  // namespace dynamirror::app
