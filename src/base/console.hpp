// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace dynamirror::console {

// The one way to stdout and stderr. Nothing here throws, whatever becomes of the two: a disk may be full, a reader
// gone. What comes from outside cannot act on a terminal or forge a line: all is written as `printable` has it.
// Thread-safe.

/// First thing in main(): a reader that goes away is an error of one write, not the end of the process (SIGPIPE), and a
/// stdin, stdout or stderr that was closed is not taken by the next file that is opened.
void prepare() noexcept;

/// One line on stderr. A line that cannot be written is lost; the next one is tried again.
void say(std::string_view line) noexcept;

/// A question on stderr, without an end of line.
void ask(std::string_view question) noexcept;

/// Shows a line at the end of a terminal's output, in place of the one shown before; other lines appear above it.
/// REQUIRES: stderr is a terminal.
void show_progress(std::string_view line) noexcept;
void end_progress() noexcept;

/// Results for stdout, at once: lines with their ends.
void print(std::string_view lines) noexcept;

/// The errno of the first `print` that failed; 0 when all that was printed has been written.
[[nodiscard]] int output_error() noexcept;

}  // namespace dynamirror::console
