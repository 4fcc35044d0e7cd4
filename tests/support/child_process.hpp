// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <functional>
#include <string>

namespace dynamirror::test {

/// Runs a function in a forked child, which tells its parent about its progress byte by byte: for tests of locks
/// between processes and of SIGKILL. REQUIRES: the test program has one thread.
class ChildProcess {
 public:
  /// What the child uses to talk: one byte for each step.
  using Report = std::function<void()>;

  explicit ChildProcess(const std::function<void(const Report&)>& body) {
    int pipe_ends[2];
    const int made = ::pipe(pipe_ends);
    assert(made == 0);
    pid_ = ::fork();
    assert(pid_ >= 0);
    if (pid_ == 0) {
      ::close(pipe_ends[0]);
      body([&] { (void)!::write(pipe_ends[1], "x", 1); });
      ::_exit(0);  // without the parent's destructors
    }
    ::close(pipe_ends[1]);
    reports_ = pipe_ends[0];
    (void)made;
  }
  ~ChildProcess() {
    if (pid_ > 0) kill();
    ::close(reports_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Waits for that many reports. False when the child ended before.
  bool wait_for_reports(int count) {
    char byte = 0;
    for (int i = 0; i < count; ++i) {
      if (::read(reports_, &byte, 1) != 1) return false;
    }
    return true;
  }

  /// Counts the reports of a child that ends by itself, and waits for its end: only then are its locks gone.
  int finish() {
    int reports = 0;
    while (wait_for_reports(1)) ++reports;
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
    return reports;
  }

  /// Ends the child by SIGKILL and counts the reports it made that were not waited for.
  int kill() {
    ::kill(pid_, SIGKILL);
    return finish();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int reports_ = -1;
};

}  // namespace dynamirror::test
