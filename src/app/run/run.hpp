// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace dynamirror::app {

/// The whole program: reads the command line, runs the command, says how it went. The answer is the exit code
/// (docs/exit-codes.md). Data goes to stdout; progress, logs and errors to stderr.
[[nodiscard]] int run(int argc, char** argv) noexcept;

}  // namespace dynamirror::app
