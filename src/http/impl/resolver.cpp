// SPDX-License-Identifier: Apache-2.0
#include "http/impl/resolver.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "async/signal.hpp"

namespace dynamirror::http::impl {
namespace {

constexpr std::chrono::seconds kFresh{5};

}  // namespace

struct Resolver::Lookup {
  explicit Lookup(const boost::asio::any_io_executor& executor) : resolver(executor) {}

  [[nodiscard]] bool usable(SteadyTime now) const { return !finished || (!error && now - finished_at < kFresh); }

  boost::asio::ip::tcp::resolver resolver;
  async::Signal done;
  bool finished = false;
  SteadyTime finished_at{};
  boost::system::error_code error;
  Addresses addresses;
};

std::shared_ptr<Resolver::Lookup> Resolver::lookup(const std::string& host, SteadyTime now) {
  std::erase_if(lookups_, [&](const auto& entry) { return !entry.second->usable(now); });
  auto& slot = lookups_[host];
  if (slot) return slot;
  slot = std::make_shared<Lookup>(executor_);
  slot->resolver.async_resolve(host, "", [lookup = slot](boost::system::error_code error, const auto& results) {
    for (const auto& entry : results) lookup->addresses.push_back(entry.endpoint().address());
    if (!error && lookup->addresses.empty()) error = boost::asio::error::host_not_found;
    lookup->error = error;
    lookup->finished = true;
    lookup->finished_at = system_clock().steady_now();
    lookup->done.notify();
  });
  return slot;
}

async::Task<Resolver::Outcome> Resolver::resolve(std::string host, SteadyTime deadline) {
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return Addresses{address};

  const auto shared = lookup(host, system_clock().steady_now());
  while (!shared->finished) {
    const SteadyTime now = system_clock().steady_now();
    if (now >= deadline) co_return std::unexpected(boost::system::error_code(boost::asio::error::timed_out));
    co_await shared->done.wait_for(deadline - now);
  }
  if (shared->error) co_return std::unexpected(shared->error);
  co_return shared->addresses;
}

}  // namespace dynamirror::http::impl
