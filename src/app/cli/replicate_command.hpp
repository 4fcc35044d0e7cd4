// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"

namespace dynamirror::app {

/// `dynamirror replicate` and `dynamirror incremental-backup`: runs the replication and says how it went, the summary
/// on stdout.
[[nodiscard]] ExitCode run_replicate(const ReplicateCommand& command);

}  // namespace dynamirror::app
