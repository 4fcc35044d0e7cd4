// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "http/server.hpp"

namespace dynamirror::http {

/// What is shown under one path, made anew for each request, at once.
using Page = std::function<ServerResponse()>;

struct PageOptions {
  std::string address = "0.0.0.0";                   ///< IPv4 or IPv6 address, no name
  std::uint16_t port = 0;                            ///< 0: any free one
  std::map<std::string, Page, std::less<>> pages{};  ///< by path: "/healthz"
  Page any_other{};                                  ///< under every other path; empty: 404
  std::chrono::milliseconds patience{5'000};         ///< with a client that sends or takes its bytes slowly
};

/// Serves pages to those who watch a process: probes for its health, collectors of its metrics. GET and HEAD only. It
/// holds few connections, and none for longer than a request takes, so that no client keeps the others out. Its pages
/// are for anyone who reaches the port: they must hold no secret.
/// Errors: as Server::listen.
[[nodiscard]] Result<std::unique_ptr<Server>> serve_pages(boost::asio::any_io_executor executor, PageOptions options);

/// Plain text.
[[nodiscard]] ServerResponse text_page(int status, std::string text);

/// A page for probes: 200 and `text` while `trouble` says nothing, otherwise 503 and what it says.
[[nodiscard]] Page health_page(std::function<std::optional<std::string>()> trouble, std::function<std::string()> text);

}  // namespace dynamirror::http
