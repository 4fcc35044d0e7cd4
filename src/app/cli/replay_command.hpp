// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"

namespace dynamirror::app {

/// `dynamirror dead-letters replay`: tries refused changes again, the summary on stdout.
[[nodiscard]] ExitCode run_replay(const ReplayCommand& command);

}  // namespace dynamirror::app
