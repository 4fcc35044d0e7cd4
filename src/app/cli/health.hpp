// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>

#include "base/error.hpp"
#include "http/server.hpp"
#include "service/replication.hpp"

namespace dynamirror::app {

/// Answers over HTTP whether a replication goes on, under any path. Errors: class conflict for a port in use.
/// REQUIRES: the replication outlives the server.
[[nodiscard]] Result<std::unique_ptr<http::Server>> serve_health(boost::asio::any_io_executor executor,
                                                                 std::uint16_t port,
                                                                 const service::Replication& replication);

}  // namespace dynamirror::app
