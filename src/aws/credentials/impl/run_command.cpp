// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/impl/run_command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "async/sleep.hpp"

extern char** environ;

namespace dynamirror::aws {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kExitPoll{5};

std::unexpected<Error> command_failure(ErrorClass error_class, std::string what) {
  return failure(error_class, "run credential_process", "", std::move(what));
}

/// Owns a child process until it is reaped: at the latest here it is killed, with its process group, and reaped.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    // What a command that ended by itself leaves behind (some start an agent) is its own affair.
    if (reaped_) return;
    (void)::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) == -1 && errno == EINTR) {
    }
  }

  /// The wait status once the child has ended.
  std::optional<int> poll() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    reaped_ = true;
    return status;
  }

 private:
  pid_t pid_;
  bool reaped_ = false;
};

/// The reading end of the child's standard output, with the moment at which reading must end. Shared with the timer's
/// handler, which may run after the coroutine has gone.
struct Output {
  explicit Output(const asio::any_io_executor& executor) : pipe(executor), deadline(executor) {}
  asio::posix::stream_descriptor pipe;
  asio::steady_timer deadline;
  bool timed_out = false;
};

/// Ends the timer's wait together with the reading: left alone it would keep the event loop busy until the deadline.
class DeadlineGuard {
 public:
  explicit DeadlineGuard(Output& output) : output_(output) {}
  ~DeadlineGuard() { output_.deadline.cancel(); }
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;

 private:
  Output& output_;
};

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

std::optional<Pipe> open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{.read_end = ends[0], .write_end = ends[1]};
}

/// Zero or an errno; `pid` is set on success.
int spawn_shell(const std::string& command, int output, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  // Our own signal mask and ignored signals (SIGPIPE) are nothing the command should inherit.
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

std::unexpected<Error> timed_out(CommandLimits limits) {
  return command_failure(ErrorClass::kTransient, "the command did not end within " +
                                                     std::to_string(limits.timeout.count()) + " ms and was stopped");
}

async::Task<Result<std::string>> read_output(std::shared_ptr<Output> output, CommandLimits limits) {
  output->deadline.expires_after(limits.timeout);
  output->deadline.async_wait([output](const boost::system::error_code& error) {
    if (error) return;
    output->timed_out = true;
    output->pipe.cancel();
  });
  const DeadlineGuard guard(*output);
  std::string text;
  char chunk[4096];
  for (;;) {  // bounded by the deadline and the size
    boost::system::error_code error;
    const std::size_t got =
        co_await output->pipe.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
    text.append(chunk, got);
    if (text.size() > limits.max_output_bytes) {
      co_return command_failure(ErrorClass::kInvalid, "the command writes more than credentials could be");
    }
    if (output->timed_out) co_return timed_out(limits);
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) break;  // end of file, or a broken pipe: the exit status says which
  }
  co_return text;
}

}  // namespace

async::Task<Result<std::string>> run_command(std::string command, CommandLimits limits) {
  const auto started = system_clock().steady_now();
  const auto pipe = open_pipe();
  if (!pipe) co_return command_failure(ErrorClass::kInvalid, std::generic_category().message(errno));
  const auto output = std::make_shared<Output>(co_await asio::this_coro::executor);
  output->pipe.assign(pipe->read_end);
  pid_t pid = -1;
  const int spawn_error = spawn_shell(command, pipe->write_end, pid);
  ::close(pipe->write_end);
  if (spawn_error != 0) co_return command_failure(ErrorClass::kInvalid, std::generic_category().message(spawn_error));
  Child child(pid);

  auto text = co_await read_output(output, limits);
  if (!text) co_return text;
  // The output has ended; the command itself follows within moments, or is stopped with the same deadline.
  for (;;) {
    if (const auto status = child.poll()) {
      if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) co_return text;
      const std::string how = WIFEXITED(*status) ? "exited with status " + std::to_string(WEXITSTATUS(*status))
                                                 : "was ended by signal " + std::to_string(WTERMSIG(*status));
      co_return command_failure(ErrorClass::kDenied, "the command " + how + "; its own words are on standard error");
    }
    if (system_clock().steady_now() - started > limits.timeout) co_return timed_out(limits);
    co_await async::sleep_for(kExitPoll);
  }
}

}  // namespace dynamirror::aws
