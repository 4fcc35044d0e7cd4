// SPDX-License-Identifier: Apache-2.0
#include "http/impl/connection_pool.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dynamirror::http::impl {
namespace {

// Servers close idle connections; asking the kernel costs a system call, so only after a pause.
constexpr std::chrono::milliseconds kTrustedPause{500};

/// Nothing to read and not closed. Whatever a server says between two answers ends the connection.
bool is_quiet(Connection& connection) {
  char byte;
  const auto size = ::recv(connection.stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)), keep_(other.keep_) {}

ConnectionPool::Lease& ConnectionPool::Lease::operator=(Lease&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(connection_, other.connection_);
  std::swap(keep_, other.keep_);
  return *this;
}

ConnectionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(keep_ ? std::move(connection_) : nullptr);
}

std::optional<ConnectionPool::Lease> ConnectionPool::try_take(SteadyTime now) {
  close_old(now);
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (now - connection->idle_since < kTrustedPause || is_quiet(*connection)) {
      return Lease(*this, std::move(connection));
    }
    --open_;
  }
  if (open_ == limit_) return std::nullopt;
  ++open_;
  return Lease(*this, nullptr);
}

/// A place in the queue, left however the wait ends.
class ConnectionPool::Place {
 public:
  Place(std::list<Waiter*>& queue, Waiter& waiter) : queue_(queue), waiter_(waiter) { queue_.push_back(&waiter); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { queue_.remove(&waiter_); }

 private:
  std::list<Waiter*>& queue_;
  Waiter& waiter_;
};

async::Task<std::optional<ConnectionPool::Lease>> ConnectionPool::wait(SteadyTime deadline) {
  Waiter waiter;
  const Place place(waiters_, waiter);
  while (!waiter.lease) {
    const SteadyTime now = system_clock().steady_now();
    if (now >= deadline) co_return std::nullopt;
    // Cancelled here with a lease already granted: the lease ends with the waiter, and passes on.
    co_await waiter.granted.wait_for(deadline - now);
  }
  co_return std::move(waiter.lease);
}

void ConnectionPool::close_old(SteadyTime now) {
  // Handed out from the back: the front has been idle for longest.
  const auto young =
      std::ranges::find_if(idle_, [&](const auto& connection) { return now - connection->idle_since < idle_timeout_; });
  open_ -= static_cast<std::size_t>(young - idle_.begin());
  idle_.erase(idle_.begin(), young);
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  if (!waiters_.empty()) {
    Waiter& next = *waiters_.front();
    waiters_.pop_front();
    if (connection) connection->reused = true;
    next.lease.emplace(*this, std::move(connection));
    next.granted.notify();
    return;
  }
  if (!connection) {
    --open_;
    return;
  }
  connection->reused = true;
  connection->idle_since = system_clock().steady_now();
  idle_.push_back(std::move(connection));
}

}  // namespace dynamirror::http::impl
