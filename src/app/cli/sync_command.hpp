// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"

namespace dynamirror::app {

/// `dynamirror sync`: runs one replication for each flow between the tables, all in this process, until one of them
/// ends or a stop is requested; then all end. Says how each went, on stdout.
[[nodiscard]] ExitCode run_sync(const SyncCommand& command);

}  // namespace dynamirror::app
