// SPDX-License-Identifier: Apache-2.0
#include "app/cli/health.hpp"

#include <optional>
#include <string>
#include <utility>

#include "app/report/progress.hpp"
#include "base/log.hpp"
#include "http/page_server.hpp"

namespace dynamirror::app {

Result<std::unique_ptr<http::Server>> serve_health(boost::asio::any_io_executor executor, std::uint16_t port,
                                                   const service::Replication& replication) {
  const auto trouble = [&replication]() -> std::optional<std::string> {
    if (replication.job() == nullptr) return std::nullopt;
    return trouble_of(replication.job()->status());
  };
  const auto text = [&replication]() -> std::string {
    if (replication.job() == nullptr) return "starting\n";
    return state_line(replication.job()->status()) + "\n";
  };
  http::PageOptions options;
  options.port = port;
  options.any_other = http::health_page(trouble, text);
  auto server = http::serve_pages(std::move(executor), std::move(options));
  if (server) log::info("answers whether replication goes on", {{"port", std::to_string((*server)->port())}});
  return server;
}

}  // namespace dynamirror::app
