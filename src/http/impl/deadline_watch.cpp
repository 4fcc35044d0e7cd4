// SPDX-License-Identifier: Apache-2.0
#include "http/impl/deadline_watch.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "http/impl/stream.hpp"

namespace dynamirror::http::impl {

struct DeadlineWatch::State : std::enable_shared_from_this<DeadlineWatch::State> {
  explicit State(const boost::asio::any_io_executor& executor) : timer(executor) {}

  /// Makes sure that the timer fires no later than `at`.
  void arm(SteadyTime deadline) {
    if (deadline >= armed_for) return;
    armed_for = deadline;
    timer.expires_at(deadline);
    // Weak: the handler of a cancelled timer still runs, perhaps after the owner is gone.
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      if (error) return;
      if (const auto self = weak.lock()) self->expire();
    });
  }

  void disarm() {
    armed_for = SteadyTime::max();
    timer.cancel();
  }

  void expire() {
    const SteadyTime now = system_clock().steady_now();
    armed_for = SteadyTime::max();
    SteadyTime next = SteadyTime::max();
    for (Guard& guard : guards) {
      if (guard.deadline_ <= now) {
        guard.deadline_ = SteadyTime::max();
        guard.expired_ = true;
        guard.stream_.close();
      }
      next = std::min(next, guard.deadline_);
    }
    arm(next);
  }

  boost::asio::steady_timer timer;
  SteadyTime armed_for = SteadyTime::max();
  boost::intrusive::list<Guard> guards;
};

DeadlineWatch::DeadlineWatch(boost::asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}
DeadlineWatch::~DeadlineWatch() = default;

DeadlineWatch::Guard::Guard(DeadlineWatch& watch, Stream& stream) : state_(*watch.state_), stream_(stream) {
  state_.guards.push_back(*this);
}

DeadlineWatch::Guard::~Guard() {
  state_.guards.erase(state_.guards.iterator_to(*this));
  if (state_.guards.empty()) state_.disarm();
}

void DeadlineWatch::Guard::set(SteadyTime deadline) {
  deadline_ = deadline;
  state_.arm(deadline);
}

}  // namespace dynamirror::http::impl
