// SPDX-License-Identifier: Apache-2.0
#include "async/signal.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace dynamirror::async {
namespace {

/// Takes the waiter off the list however its wait ends: by notice, by time, by cancellation, by destruction.
template <class List>
class Registration {
 public:
  Registration(List& list, typename List::value_type waiter) : list_(list), at_(list.insert(list.end(), waiter)) {}
  ~Registration() { list_.erase(at_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  List& list_;
  typename List::iterator at_;
};

}  // namespace

void Signal::notify() {
  for (Waiter* waiter : waiters_) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
}

Task<> Signal::wait() { co_await wait_for(Duration::max()); }

Task<bool> Signal::wait_for(Duration limit) {
  Waiter waiter{.timer = boost::asio::steady_timer(co_await boost::asio::this_coro::executor)};
  if (limit == Duration::max()) {
    waiter.timer.expires_at(SteadyTime::max());
  } else {
    waiter.timer.expires_after(limit);
  }
  const Registration registration(waiters_, &waiter);
  boost::system::error_code error;
  co_await waiter.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
  // Our own timer is cancelled by notify() and by the cancellation of the whole task: only the flag tells them apart.
  if (error && !waiter.notified) throw boost::system::system_error(error);
  co_return waiter.notified;
}

}  // namespace dynamirror::async
