// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/options/command_line.hpp"

namespace dynamirror::app {

/// `dynamirror lambda [HANDLER]`, or the same binary started as `bootstrap`
struct LambdaCommand {
  std::string handler;   ///< empty: as _HANDLER says
  CommonOptions common;  ///< the log's; the function's options are in the environment
};

/// Answers Lambda's events until the process is ended.
[[nodiscard]] ExitCode run_lambda(const LambdaCommand& command);

}  // namespace dynamirror::app
