// SPDX-License-Identifier: Apache-2.0
#include "http/watched_transport.hpp"

#include <fmt/format.h>

#include <utility>

namespace dynamirror::http {
namespace {

constexpr std::chrono::seconds kPatience{10};
/// With servers of which nobody has said what they are: a large object may take its time.
constexpr std::chrono::seconds kPatienceWithOthers{30};
/// A server that failed longer ago is not being asked, so nobody misses it. (`look` comes every second, and so right
/// after each attempt that fails.)
constexpr std::chrono::seconds kStillAsked{3};
/// Longer than the pauses between two attempts: who asks now has not been asking all the time.
constexpr std::chrono::seconds kForgotten{30};

constexpr int kFirstServerError = 500;

}  // namespace

/// A request under way; a cancelled one is not under way any more.
class WatchedTransport::InFlight {
 public:
  explicit InFlight(Server& server) : server_(server) { ++server_.in_flight; }
  ~InFlight() { --server_.in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  Server& server_;
};

WatchedTransport::WatchedTransport(Transport& below, const Clock& clock, Tell tell)
    : below_(below), clock_(clock), tell_(std::move(tell)) {}

void WatchedTransport::name(const Endpoint& endpoint, const std::string& who) {
  std::string& names = servers_[endpoint].who;
  if (names.find(who) != std::string::npos) return;
  names += (names.empty() ? "" : ", ") + who;
}

async::Task<Result<Response>> WatchedTransport::send(const Request& request, SendOptions options) {
  Server& server = servers_[request.endpoint];  // stays where it is
  const bool waited_for = server.in_flight > 0 || (server.failed_at && !failed_before(server, kForgotten));
  if (!server.unanswered_since || !waited_for) asked(server);
  std::optional<InFlight> in_flight(std::in_place, server);
  auto response = co_await below_.send(request, options);
  in_flight.reset();
  if (response && response->status < kFirstServerError) {
    answered(request.endpoint, server);
  } else {
    server.failed_at = clock_.steady_now();
    server.why = response ? fmt::format("it answers HTTP {}", response->status) : response.error().message;
  }
  co_return response;
}

bool WatchedTransport::failed_before(const Server& server, Duration ago) const {
  return clock_.steady_now() - *server.failed_at > ago;
}

void WatchedTransport::asked(Server& server) const {
  server.unanswered_since = clock_.steady_now();
  server.unanswered_since_wall = clock_.wall_now();
}

void WatchedTransport::answered(const Endpoint& endpoint, Server& server) {
  if (std::exchange(server.told, false)) {
    Outage outage = outage_of(endpoint, server);
    outage.over = true;
    tell_(outage);
  }
  server.failed_at.reset();
  server.why.clear();
  server.unanswered_since.reset();
  if (server.in_flight > 0) asked(server);
}

void WatchedTransport::look() {
  const SteadyTime now = clock_.steady_now();
  for (auto& [endpoint, server] : servers_) {
    if (server.told || !server.unanswered_since) continue;
    if (server.in_flight == 0 && (!server.failed_at || failed_before(server, kStillAsked))) continue;
    if (now - *server.unanswered_since < (server.who.empty() ? kPatienceWithOthers : kPatience)) continue;
    server.told = true;
    tell_(outage_of(endpoint, server));
  }
}

Outage WatchedTransport::outage_of(const Endpoint& endpoint, const Server& server) const {
  const Duration lasted = clock_.steady_now() - *server.unanswered_since;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lasted).count();
  return {.who = server.who.empty() ? endpoint.url() : server.who,
          .server = endpoint.url(),
          .since = server.unanswered_since_wall,
          .lasted = lasted,
          .why = server.why.empty() ? fmt::format("no answer for {} s", seconds) : server.why};
}

}  // namespace dynamirror::http
