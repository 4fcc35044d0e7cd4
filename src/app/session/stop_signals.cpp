// SPDX-License-Identifier: Apache-2.0
#include "app/session/stop_signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace dynamirror::app {
namespace {

/// A byte for each signal. Open until the process ends: a signal may come at any time.
int g_ends[2] = {-1, -1};

extern "C" void keep_signal(int /*signal*/) {
  const int saved = errno;
  (void)!::write(g_ends[1], "", 1);  // a full pipe holds more wishes to stop than are needed
  errno = saved;
}

/// The end to read from.
int taken_signals() {
  static const bool taken = [] {
    if (::pipe2(g_ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int number : {SIGTERM, SIGINT}) {
      struct sigaction action{};
      action.sa_handler = keep_signal;
      action.sa_flags = SA_RESTART;
      sigaction(number, &action, nullptr);
      sigaddset(&wanted, number);
    }
    pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);
    return true;
  }();
  (void)taken;
  return g_ends[0];
}

}  // namespace

void take_stop_signals() { (void)taken_signals(); }

StopSignals::StopSignals(const boost::asio::any_io_executor& executor) : taken_(executor, ::dup(taken_signals())) {}

async::Task<> StopSignals::next() {
  char byte = 0;
  co_await taken_.async_read_some(boost::asio::buffer(&byte, 1), boost::asio::use_awaitable);
}

}  // namespace dynamirror::app
