// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "jobs/multilang/multilang_shard.hpp"

namespace dynamirror::app {

/// Lines on this process's own stdin and stdout. Once opened, nothing else may be printed on stdout.
/// Not thread-safe: lives on one event loop.
class StandardLines final : public jobs::DaemonLines {
 public:
  /// Errors: class invalid when stdin is no pipe (a terminal, a file).
  [[nodiscard]] static Result<std::unique_ptr<StandardLines>> open(const boost::asio::any_io_executor& executor);
  ~StandardLines() override;

  /// Errors: class fatal for a line of more than 64 MiB (one call of KCL holds 10 MB of data at most); class transient
  /// when reading fails.
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> next() override;
  [[nodiscard]] async::Task<Result<std::optional<std::string>>> answer() override;
  /// Blocks until the daemon has room for the line. Errors: class transient: the daemon is gone.
  [[nodiscard]] Status write(const std::string& line) override;
  [[nodiscard]] bool gone() const override;

  /// This process is to stop: ends the `next` under way, and all to come, as if there were no more lines.
  void stop();

 private:
  struct Impl;
  explicit StandardLines(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::app
