// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "http/server.hpp"
#include "jobs/replication/replicate.hpp"
#include "service/replication.hpp"

namespace dynamirror::app {

/// Why a replication does not do what it is there for; nothing while it does: changes that the target lacks have been
/// waiting for longer than `kLongestLag` and something is in their way. Names no table and no account, as anyone may
/// ask.
inline constexpr std::chrono::minutes kLongestLag{1};
[[nodiscard]] std::optional<std::string> trouble_of(const jobs::ReplicateStatus& status);

/// Answers over HTTP whether a replication goes on, under any path. Errors: class conflict for a port in use.
/// REQUIRES: the replication outlives the server.
[[nodiscard]] Result<std::unique_ptr<http::Server>> serve_health(boost::asio::any_io_executor executor,
                                                                 std::uint16_t port,
                                                                 const service::Replication& replication);

}  // namespace dynamirror::app
