// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"

namespace dynamirror::http::impl {

/// Finds the addresses of a name. Requests for the same name share one lookup, and its outcome for a few seconds (the
/// time to live of AWS's names): opening a pool of connections must not queue as many lookups behind one another.
/// Not thread-safe.
class Resolver {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  using Outcome = std::expected<Addresses, boost::system::error_code>;

  explicit Resolver(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// In the system's order of preference; an address is returned as it is. The error is `timed_out` at the deadline;
  /// the system's lookup cannot be interrupted and ends in the background.
  [[nodiscard]] async::Task<Outcome> resolve(std::string host, SteadyTime deadline);

 private:
  struct Lookup;
  [[nodiscard]] std::shared_ptr<Lookup> lookup(const std::string& host, SteadyTime now);

  boost::asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<Lookup>> lookups_;
};

}  // namespace dynamirror::http::impl
