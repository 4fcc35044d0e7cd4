// SPDX-License-Identifier: Apache-2.0
#include "app/session/standard_lines.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdio>
#include <utility>

namespace dynamirror::app {
namespace {

constexpr std::size_t kMaxLineBytes = 64u << 20;

std::unexpected<Error> refuse(ErrorClass error_class, std::string doing, std::string message) {
  return failure(error_class, std::move(doing), {}, std::move(message));
}

}  // namespace

struct StandardLines::Impl {
  boost::asio::posix::stream_descriptor input;
  std::string buffered{};
  bool stopping = false;
  bool waiting = false;  ///< for the next message

  [[nodiscard]] async::Task<Result<std::optional<std::string>>> read();
};

StandardLines::StandardLines(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StandardLines::~StandardLines() = default;

Result<std::unique_ptr<StandardLines>> StandardLines::open(const boost::asio::any_io_executor& executor) {
  constexpr const char* kRemedy =
      "stdin is no pipe; this command is not for the hand: KCL's MultiLangDaemon starts it for each shard "
      "(executableName in its properties)";
  struct stat status{};
  const bool pipe = ::fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
  if (!pipe) return refuse(ErrorClass::kInvalid, "wait for the MultiLangDaemon", kRemedy);
  auto impl = std::make_unique<Impl>(Impl{.input = boost::asio::posix::stream_descriptor(executor)});
  boost::system::error_code error;
  impl->input.assign(::dup(STDIN_FILENO), error);
  if (error) return refuse(ErrorClass::kInvalid, "wait for the MultiLangDaemon", kRemedy);
  return std::unique_ptr<StandardLines>(new StandardLines(std::move(impl)));
}

async::Task<Result<std::optional<std::string>>> StandardLines::next() {
  if (impl_->stopping) co_return std::nullopt;
  impl_->waiting = true;
  auto line = co_await impl_->read();
  impl_->waiting = false;
  if (impl_->stopping) co_return std::nullopt;
  co_return line;
}

async::Task<Result<std::optional<std::string>>> StandardLines::answer() { return impl_->read(); }

async::Task<Result<std::optional<std::string>>> StandardLines::Impl::read() {
  boost::system::error_code error;
  auto buffer = boost::asio::dynamic_buffer(buffered, kMaxLineBytes);
  const std::size_t size = co_await boost::asio::async_read_until(
      input, buffer, '\n', boost::asio::redirect_error(boost::asio::use_awaitable, error));
  if (error == boost::asio::error::operation_aborted) {
    if (stopping && waiting) co_return std::nullopt;
    throw boost::system::system_error(error);
  }
  // Half a line at the end is what a daemon that died has left.
  if (error == boost::asio::error::eof) co_return std::nullopt;
  if (error == boost::asio::error::not_found) {
    co_return refuse(ErrorClass::kFatal, "read a message of the MultiLangDaemon", "a line of more than 64 MiB");
  }
  if (error) co_return refuse(ErrorClass::kTransient, "read a message of the MultiLangDaemon", error.message());
  std::string line = buffered.substr(0, size - 1);
  buffered.erase(0, size);
  co_return std::optional<std::string>(std::move(line));
}

Status StandardLines::write(const std::string& line) {
  const bool written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
  if (written) return {};
  return refuse(ErrorClass::kTransient, "answer the MultiLangDaemon",
                "it is gone; what was applied since the last checkpoint is delivered again");
}

bool StandardLines::gone() const {
  pollfd end{.fd = STDIN_FILENO, .events = POLLRDHUP, .revents = 0};
  return ::poll(&end, 1, 0) == 1 && (end.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

void StandardLines::stop() {
  impl_->stopping = true;
  if (impl_->waiting) impl_->input.cancel();
}

}  // namespace dynamirror::app
