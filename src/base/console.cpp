// SPDX-License-Identifier: Apache-2.0
#include "base/console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <string>

#include "base/printable.hpp"

namespace dynamirror::console {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

/// Zero, or the errno of what failed.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // another process may have made what we share with it non-blocking
      pollfd room{.fd = descriptor, .events = POLLOUT, .revents = 0};
      (void)::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

struct Screen {
  std::mutex mutex;
  std::string progress;  ///< shown at present
};

Screen& screen() {
  static Screen instance;
  return instance;
}

/// Writes the text above the line of progress, if there is one on this terminal.
int write_above_progress(int descriptor, const std::string& text) {
  const std::lock_guard lock(screen().mutex);
  if (screen().progress.empty() || ::isatty(descriptor) == 0) return write_all(descriptor, text);
  return write_all(descriptor, std::string(kClearLine) + text + screen().progress);
}

std::atomic<int> g_output_error{0};

}  // namespace

void prepare() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is taken. Only to be read: output that nobody gets must still be an error.
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDONLY);
  }
}

void say(std::string_view line) noexcept try {
  write_above_progress(STDERR_FILENO, printable(line) + "\n");
} catch (...) {  // out of memory
}

void ask(std::string_view question) noexcept try {
  write_above_progress(STDERR_FILENO, printable(question) + " ");
} catch (...) {  // out of memory
}

void show_progress(std::string_view line) noexcept try {
  const std::lock_guard lock(screen().mutex);
  screen().progress = printable(line);
  write_all(STDERR_FILENO, std::string(kClearLine) + screen().progress);
} catch (...) {  // out of memory
}

void end_progress() noexcept {
  const std::lock_guard lock(screen().mutex);
  if (!screen().progress.empty()) write_all(STDERR_FILENO, kClearLine);
  screen().progress.clear();
}

void print(std::string_view lines) noexcept {
  int error = ENOMEM;
  try {
    error = write_above_progress(STDOUT_FILENO, printable_lines(lines));
  } catch (...) {  // out of memory
  }
  int none = 0;
  if (error != 0) g_output_error.compare_exchange_strong(none, error);
}

int output_error() noexcept { return g_output_error; }

}  // namespace dynamirror::console
