// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <memory>

#include "base/clock.hpp"

namespace dynamirror::http::impl {

class Stream;

/// Closes streams whose work is not done in time. One timer serves them all: arming and cancelling one for each request
/// would cost several microseconds, and deadlines are hardly ever reached. The timer runs only while something is
/// watched, so it does not keep an idle event loop alive.
///
/// Not thread-safe. REQUIRES: outlives its guards.
class DeadlineWatch {
  struct State;

 public:
  explicit DeadlineWatch(boost::asio::any_io_executor executor);
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;
  ~DeadlineWatch();

  /// Watches one stream while it lives.
  class Guard : public boost::intrusive::list_base_hook<> {
   public:
    /// Nothing happens until set(). The stream outlives the guard.
    Guard(DeadlineWatch& watch, Stream& stream);
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard();

    /// From now on the stream is closed at this time, in place of the time set before.
    void set(SteadyTime deadline);
    void clear() { deadline_ = SteadyTime::max(); }
    /// The stream was closed because its time had come.
    [[nodiscard]] bool expired() const { return expired_; }

   private:
    friend struct State;
    State& state_;
    Stream& stream_;
    SteadyTime deadline_ = SteadyTime::max();
    bool expired_ = false;
  };

 private:
  std::shared_ptr<State> state_;
};

}  // namespace dynamirror::http::impl
