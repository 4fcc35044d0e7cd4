// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace dynamirror::aws {

struct CommandLimits {
  std::chrono::milliseconds timeout{60'000};
  std::size_t max_output_bytes = 64u << 10;
};

/// Runs a command line with /bin/sh and gives what it wrote to its standard output; its standard error is ours, so that
/// the user reads it first hand, and its standard input is empty. The event loop goes on meanwhile.
///
/// Errors: class denied when it exits with a failure, class transient on time-out, class invalid when it cannot be
/// started or writes too much. They never hold the output. When the task ends early, by time-out or cancellation, the
/// command and what it started in its process group are gone.
[[nodiscard]] async::Task<Result<std::string>> run_command(std::string command, CommandLimits limits = {});

}  // namespace dynamirror::aws
