// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "base/error.hpp"

namespace dynamirror::app {

// What the process tells its caller: lines on stderr, results on stdout, a code. One command runs in a process, so this
// is kept for the process.

/// Says why a command failed: "dynamirror: <line>" on stderr.
void complain(const Error& error);

/// The same; returns the exit code of the failure.
[[nodiscard]] ExitCode fail(const jobs::JobFailure& failure);
[[nodiscard]] ExitCode fail(const Error& error);

/// Result lines go to stdout, at once.
void print(const std::string& text);

/// The object that says what the whole command has come to, as text or as JSON.
void print_summary(const std::string& text);

/// After a command: a failure has its object in JSON, too, where the command has not printed one.
[[nodiscard]] ExitCode settled(ExitCode exit_code, OutputFormat format);

/// For a process that ends before its command does: the same, also for success.
[[nodiscard]] int sum_up_without_work(ExitCode exit_code, OutputFormat format);

/// A code that says nothing of a failure does not stand when results were lost: says so on stderr.
[[nodiscard]] int with_output_checked(int exit_code);

}  // namespace dynamirror::app
