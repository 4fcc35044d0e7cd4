// SPDX-License-Identifier: Apache-2.0
#include "app/cli/health.hpp"

#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "http/page_server.hpp"

namespace dynamirror::app {

std::optional<std::string> trouble_of(const jobs::ReplicateStatus& status) {
  if (status.last_trouble.empty() || !status.current_lag || *status.current_lag <= kLongestLag) return std::nullopt;
  return "the target has been lacking changes for " + format_duration(*status.current_lag) + "; the log says why";
}

Result<std::unique_ptr<http::Server>> serve_health(boost::asio::any_io_executor executor, std::uint16_t port,
                                                   const service::Replication& replication) {
  const auto trouble = [&replication]() -> std::optional<std::string> {
    if (replication.job() == nullptr) return std::nullopt;
    return trouble_of(replication.job()->status());
  };
  const auto text = [&replication]() -> std::string {
    if (replication.job() == nullptr) return "starting\n";
    const jobs::ReplicateStatus status = replication.job()->status();
    const std::string state = status.holds_none    ? "holds no lease"
                              : status.caught_up   ? "caught up"
                              : status.current_lag ? "lag " + format_duration(*status.current_lag)
                                                   : "no shard to read yet";
    return state + ", " + format_count(status.shards_being_read) + " shards being read, " +
           format_count(status.counters.settled()) + " changes settled\n";
  };
  http::PageOptions options;
  options.port = port;
  options.any_other = http::health_page(trouble, text);
  auto server = http::serve_pages(std::move(executor), std::move(options));
  if (server) log::info("answers whether replication goes on", {{"port", std::to_string((*server)->port())}});
  return server;
}

}  // namespace dynamirror::app
