// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "async/task.hpp"

namespace dynamirror::app {

/// From now on SIGTERM and SIGINT wait to be read instead of ending the process; also as PID 1 of a container, where
/// they would be lost, and where whoever started us had blocked them. To be called first thing in main(): a supervisor
/// may stop a process that it has only just started.
void take_stop_signals();

/// Reads them on one event loop; what came before is not lost.
class StopSignals {
 public:
  explicit StopSignals(const boost::asio::any_io_executor& executor);

  /// Waits for the next one.
  [[nodiscard]] async::Task<> next();

 private:
  boost::asio::posix::stream_descriptor taken_;
};

}  // namespace dynamirror::app
