// SPDX-License-Identifier: Apache-2.0
#include "app/run/run.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "app/options/outcome.hpp"
#include "app/session/stop_signals.hpp"
#include "base/console.hpp"

namespace dynamirror::app {
namespace {

/// An exception that nobody expects ends the process where it is noticed. To go on, even only to clean up, would resume
/// or destroy coroutines that wait on what the exception has destroyed.
[[noreturn]] void end_by_bug() {
  std::string what = "terminated";
  try {
    if (std::current_exception()) throw;
  } catch (const std::exception& bug) {
    what = bug.what();
  } catch (...) {
    what = "an unknown exception";
  }
  console::end_progress();
  console::say("dynamirror: internal error: " + what + "; please report it with the last log lines");
  std::_Exit(static_cast<int>(ExitCode::kInternal));
}

int run_command(int argc, char** argv) {
  const auto command = parse_command_line(argc, argv);
  return command ? static_cast<int>((*command)()) : command.error().exit_code;
}

}  // namespace

int run(int argc, char** argv) noexcept {
  console::prepare();
  take_stop_signals();
  std::set_terminate(end_by_bug);
  return with_output_checked(run_command(argc, argv));
}

}  // namespace dynamirror::app
