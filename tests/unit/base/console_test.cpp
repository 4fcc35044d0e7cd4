// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever becomes of stdout and stderr, lines that can be written are, the others are lost without harm, and
// results that are lost are known.
// Method: a process for each test, whose stdout or stderr is a full disk, a pipe without a reader, nothing, or a
// terminal.
#include "base/console.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/log.hpp"

namespace dynamirror {
namespace {

void put_at(int descriptor, int file) {
  ASSERT_EQ(::dup2(file, descriptor), descriptor);
  ::close(file);
}

/// What can be read without waiting.
std::string taken_from(int file) {
  std::string text;
  std::array<char, 4096> chunk{};
  pollfd look{.fd = file, .events = POLLIN, .revents = 0};
  while (::poll(&look, 1, 0) == 1 && (look.revents & POLLIN) != 0) {
    const ssize_t size = ::read(file, chunk.data(), chunk.size());
    if (size <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return text;
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() { EXPECT_EQ(::pipe(ends.data()), 0); }
};

[[noreturn]] void end(bool as_expected) { ::_exit(as_expected ? 0 : 1); }

TEST(Console, LosesALineThatAFullDiskDoesNotTake) {
  const auto run = [] {
    put_at(STDERR_FILENO, ::open("/dev/full", O_WRONLY));
    console::say("line");
    log::error("line", {{"name", "value"}});
    end(console::output_error() == 0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(Console, GoesOnWhenTheReaderOfTheLogsComesBack) {
  const auto run = [] {
    console::prepare();
    const std::string fifo = testing::TempDir() + "/console-" + std::to_string(::getpid());
    if (::mkfifo(fifo.c_str(), 0600) != 0) end(false);
    int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    put_at(STDERR_FILENO, ::open(fifo.c_str(), O_WRONLY));
    ::close(reader);
    console::say("nobody reads this");
    reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    console::say("back");
    ::unlink(fifo.c_str());
    end(taken_from(reader) == "back\n");
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(Console, KnowsThatResultsAreLost) {
  const auto run = [] {
    console::print("fine\n");
    const bool fine = console::output_error() == 0;
    put_at(STDOUT_FILENO, ::open("/dev/full", O_WRONLY));
    console::print("lost\n");
    end(fine && console::output_error() == ENOSPC);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(Console, LeavesNoFileThePlaceOfAClosedStdout) {
  const auto run = [] {
    ::close(STDOUT_FILENO);
    console::prepare();
    const int file = ::open("/dev/null", O_WRONLY);
    console::print("lost\n");
    end(file > STDERR_FILENO && console::output_error() == EBADF);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(Console, WritesOneLineWhateverTheTextHolds) {
  testing::internal::CaptureStderr();
  console::say("a\nforged \033[2J line");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "a\\u000aforged \\u001b[2J line\n");
}

TEST(Console, ShowsLinesAboveTheProgressOfATerminal) {
  const auto run = [] {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) end(false);
    put_at(STDERR_FILENO, ::open(::ptsname(terminal), O_RDWR | O_NOCTTY));
    console::show_progress("1 item");
    console::say("a warning");
    console::show_progress("2 items");
    console::end_progress();
    console::say("the end");
    end(taken_from(terminal) ==
        "\r\033[K1 item"
        "\r\033[Ka warning\r\n1 item"
        "\r\033[K2 items"
        "\r\033[Kthe end\r\n");
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST(Log, WritesTimeLevelAndNamedValues) {
  log::configure(log::Level::kInfo, log::Format::kText);
  testing::internal::CaptureStderr();
  log::debug("not wanted");
  log::info("begun", {{"table", "Orders"}, {"why", "as asked"}});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex(
                  "[0-9-]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9][0-9][0-9]Z info begun table=Orders why=\"as asked\"\n"));
  log::configure(log::Level::kWarning, log::Format::kJson);
  testing::internal::CaptureStderr();
  log::info("not wanted");
  log::warning("trouble", {{"table", "Ord\"ers\u0085"}});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex(R"re(\{"time":"[0-9-]+T[0-9:.]+Z","level":"warning","message":"trouble",)re"
                                    R"re("table":"Ord\\"ers\\u0085"\}
)re"));
  log::configure(log::Level::kWarning, log::Format::kText);
}

}  // namespace
}  // namespace dynamirror
