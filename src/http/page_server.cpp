// SPDX-License-Identifier: Apache-2.0
#include "http/page_server.hpp"

#include <string_view>
#include <utility>

namespace dynamirror::http {
namespace {

constexpr std::size_t kMostConnections = 32;
constexpr std::size_t kMostHeadBytes = 8u << 10;
constexpr std::size_t kMostBodyBytes = 1u << 10;  // none of its requests has one

struct Pages {
  std::map<std::string, Page, std::less<>> by_path;
  Page any_other;

  [[nodiscard]] ServerResponse answer(const ServerRequest& request) const {
    if (request.method != "GET" && request.method != "HEAD") {
      ServerResponse refusal = text_page(405, "only GET and HEAD are answered\n");
      refusal.headers.emplace_back("allow", "GET, HEAD");
      return refusal;
    }
    const std::string_view target = request.target;
    const auto page = by_path.find(target.substr(0, target.find('?')));
    if (page != by_path.end()) return page->second();
    return any_other ? any_other() : text_page(404, "no such page\n");
  }
};

async::Task<ServerResponse> answer(std::shared_ptr<const Pages> pages, ServerRequest request) {
  ServerResponse response = pages->answer(request);
  // A client that keeps its connection would keep others out, and one that comes again finds another.
  response.close_after = true;
  co_return response;
}

}  // namespace

Result<std::unique_ptr<Server>> serve_pages(boost::asio::any_io_executor executor, PageOptions options) {
  auto pages = std::make_shared<const Pages>(Pages{std::move(options.pages), std::move(options.any_other)});
  ListenOptions listen;
  listen.address = std::move(options.address);
  listen.port = options.port;
  listen.max_connections = kMostConnections;
  listen.max_request_bytes = kMostBodyBytes;
  listen.max_head_bytes = kMostHeadBytes;
  listen.idle_timeout = options.patience;
  listen.request_timeout = options.patience;
  return Server::listen(std::move(executor), std::move(listen),
                        [pages](ServerRequest request) { return answer(pages, std::move(request)); });
}

ServerResponse text_page(int status, std::string text) {
  ServerResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "text/plain; charset=utf-8");
  response.headers.emplace_back("cache-control", "no-store");
  response.body = std::move(text);
  return response;
}

Page health_page(std::function<std::optional<std::string>()> trouble, std::function<std::string()> text) {
  return [trouble = std::move(trouble), text = std::move(text)] {
    const auto reason = trouble();
    return reason ? text_page(503, *reason + "\n") : text_page(200, text());
  };
}

}  // namespace dynamirror::http
