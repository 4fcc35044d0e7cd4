// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "http/transport.hpp"

namespace dynamirror::http {

/// A server that has been asked and does not answer: not at all, or with nothing but HTTP 500 and above.
struct Outage {
  std::string who;  ///< the name given to it, otherwise its address
  std::string server;
  WallTime since;  ///< when the first request was sent that has no answer
  Duration lasted{};
  std::string why;    ///< of the last request that failed
  bool over = false;  ///< it answers again
};

/// Sends through another transport, and tells of each server that is out of reach once, and once more when it answers
/// again. Every request of a process goes this way, so that no job has to find out by itself. Not thread-safe.
class WatchedTransport final : public Transport {
 public:
  using Tell = std::function<void(const Outage&)>;

  /// REQUIRES: `below` and `clock` outlive the transport.
  WatchedTransport(Transport& below, const Clock& clock, Tell tell);

  /// What a server is for the user, e.g. "source eu-west-1/Orders". One server may be several.
  void name(const Endpoint& endpoint, const std::string& who);

  [[nodiscard]] async::Task<Result<Response>> send(const Request& request, SendOptions options) override;

  /// To be called every second or so.
  void look();

 private:
  struct Server {
    std::string who;
    std::size_t in_flight = 0;
    std::optional<SteadyTime> unanswered_since;
    WallTime unanswered_since_wall;
    std::optional<SteadyTime> failed_at;  ///< since it answered last
    std::string why;
    bool told = false;
  };
  class InFlight;

  [[nodiscard]] bool failed_before(const Server& server, Duration ago) const;
  void asked(Server& server) const;
  void answered(const Endpoint& endpoint, Server& server);
  [[nodiscard]] Outage outage_of(const Endpoint& endpoint, const Server& server) const;

  Transport& below_;
  const Clock& clock_;
  Tell tell_;
  std::map<Endpoint, Server> servers_;
};

}  // namespace dynamirror::http
