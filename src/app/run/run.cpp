// SPDX-License-Identifier: Apache-2.0
#include "app/run/run.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "app/options/command_line.hpp"
#include "pipeline/exit_code.hpp"

namespace dynamirror::app {
int run(int argc, char** argv) {
  try {
    const auto command = parse_command_line(argc, argv);
    if (!command) return command.error().exit_code;
    return static_cast<int>((*command)());
  } catch (const std::exception& bug) {
    fmt::print(stderr, "dynamirror: internal error: {}; please report it with the last log lines\n", bug.what());
    return static_cast<int>(jobs::ExitCode::kInternal);
  }
}

}  // namespace dynamirror::app
