// SPDX-License-Identifier: Apache-2.0
#include "http/beast_transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "http/impl/connection_pool.hpp"
#include "http/impl/deadline_watch.hpp"
#include "http/impl/dialer.hpp"
#include "http/impl/exchange.hpp"

namespace dynamirror::http {
namespace {

using impl::Connection;
using impl::ConnectionPool;
using impl::DeadlineWatch;

constexpr std::chrono::seconds kSweepInterval{1};

std::unexpected<Error> send_failure(const Endpoint& endpoint, ErrorClass error_class, std::string code,
                                    std::string message) {
  return std::unexpected(Error{.error_class = error_class,
                               .doing = "send request to",
                               .resource = endpoint.url(),
                               .code = std::move(code),
                               .message = std::move(message)});
}

/// Nothing of the request has left this machine.
std::unexpected<Error> not_sent(Error error) {
  error.not_applied = true;
  return std::unexpected(std::move(error));
}

/// A line break would let a value (a session token from a file, say) write headers or requests of its own.
/// (find_first_of costs several times as much as this loop.)
bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 && c != '\t'; });
}

bool is_sendable(const Request& request) {
  return !request.target.empty() && request.target.find(' ') == std::string::npos && !has_control(request.target) &&
         !has_control(request.method) && std::ranges::none_of(request.headers, [](const auto& header) {
           return has_control(header.first) || has_control(header.second);
         });
}

/// `out` keeps its capacity from request to request.
void write_head(std::string& out, const Request& request, std::string_view authority) {
  out.clear();
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nhost: ").append(authority);
  for (const auto& [name, value] : request.headers) out.append("\r\n").append(name).append(": ").append(value);
  // RFC 9110 section 8.6: a body's absence is said only where a body would be usual.
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    fmt::format_to(std::back_inserter(out), "\r\ncontent-length: {}", request.body.size());
  }
  out += "\r\n\r\n";
}

}  // namespace

/// Lives as long as the transport or a request: requests under way outlive the transport safely.
class BeastTransport::Core {
 public:
  Core(const boost::asio::any_io_executor& executor, const TransportOptions& options, ProxyRules proxies,
       std::unique_ptr<boost::asio::ssl::context> tls)
      : limit_(options.max_connections_per_endpoint),
        idle_timeout_(options.idle_timeout),
        proxies_(std::move(proxies)),
        watch_(executor),
        dialer_(executor, std::move(tls), watch_) {}

  static async::Task<Result<Response>> send(std::shared_ptr<Core> self, const Request& request, SendOptions options) {
    if (!is_sendable(request)) {
      co_return not_sent(
          send_failure(request.endpoint, ErrorClass::kInvalid, "Request", "control character in a header or target")
              .error());
    }
    ++self->stats_.requests;
    const SteadyTime now = system_clock().steady_now();
    const SteadyTime deadline = std::min<SteadyTime>(now + options.request_timeout, options.not_after);
    Pool& pool = self->pool_for(request.endpoint, now);
    auto lease = pool.connections.try_take(now);
    if (!lease) lease = co_await pool.connections.wait(deadline);
    if (!lease) {
      co_return not_sent(
          send_failure(request.endpoint, ErrorClass::kTransient, "Timeout", "no free connection in time").error());
    }
    for (bool fresh = false;; fresh = true) {
      if (lease->connection() == nullptr) {
        const Status opened = co_await self->open(pool, request.endpoint, *lease, options, deadline);
        if (!opened && !fresh) co_return not_sent(opened.error());
        if (!opened) co_return std::unexpected(opened.error());
      }
      Connection& connection = *lease->connection();
      const auto answered = co_await self->attempt(connection, pool, request, options, deadline);
      if (answered) co_return take_answer(connection, *lease);
      const auto& failed = answered.error();
      if (fresh || !connection.reused || !failed.closed_before_answer || !request.idempotent) {
        co_return send_failure(request.endpoint, failed.error_class, failed.code, failed.message);
      }
      ++self->stats_.resent;
      lease->drop();
    }
  }

  void close_idle() {
    for (auto& [endpoint, pool] : pools_) pool.connections.close_old(SteadyTime::max());
  }

  [[nodiscard]] Stats stats() const {
    Stats out = stats_;
    for (const auto& [endpoint, pool] : pools_) {
      out.connections += pool.connections.open();
      out.waiting += pool.connections.waiting();
    }
    return out;
  }

 private:
  struct Pool {
    Pool(const Endpoint& endpoint, std::size_t limit, Duration idle_timeout)
        : authority(endpoint.authority()), connections(limit, idle_timeout) {}
    const std::string authority;
    ConnectionPool connections;
  };

  Pool& pool_for(const Endpoint& endpoint, SteadyTime now) {
    sweep(now);
    return pools_.try_emplace(endpoint, endpoint, limit_, idle_timeout_).first->second;
  }

  /// Closes what nobody uses any more, at other endpoints, too.
  void sweep(SteadyTime now) {
    if (now < next_sweep_) return;
    next_sweep_ = now + kSweepInterval;
    for (auto& [endpoint, pool] : pools_) pool.connections.close_old(now);
    std::erase_if(pools_, [](const auto& entry) { return entry.second.connections.open() == 0; });
  }

  async::Task<Status> open(Pool& pool, const Endpoint& endpoint, ConnectionPool::Lease& lease,
                           const SendOptions& options, SteadyTime deadline) {
    const SteadyTime connected_by = std::min(deadline, system_clock().steady_now() + options.connect_timeout);
    auto dialled =
        co_await dialer_.dial(endpoint, proxies_.proxy_for(endpoint), pool.connections.tls_session(), connected_by);
    if (!dialled) co_return std::unexpected(dialled.error());
    ++stats_.connections_opened;
    if ((*dialled)->stream.tls() && impl::is_resumed((*dialled)->stream.native_tls())) ++stats_.tls_resumed;
    lease.set(std::move(*dialled));
    co_return Status{};
  }

  async::Task<std::expected<void, impl::ExchangeFailure>> attempt(Connection& connection, const Pool& pool,
                                                                  const Request& request, const SendOptions& options,
                                                                  SteadyTime deadline) {
    write_head(connection.head, request, pool.authority);
    connection.reader.start({.body_bytes = options.max_response_bytes}, request.method == "HEAD");
    DeadlineWatch::Guard guard(watch_, connection.stream);
    guard.set(deadline);
    co_return co_await impl::exchange(connection, request.body, guard, options.not_after);
  }

  static Response take_answer(Connection& connection, ConnectionPool::Lease& lease) {
    impl::Message message = connection.reader.take_message();
    // Bytes beyond the answer belong to no request: the two sides no longer agree where a message ends.
    if (message.keep_alive && !connection.reader.has_leftover()) lease.keep();
    return {.status = message.status, .headers = std::move(message.headers), .body = std::move(message.body)};
  }

  const std::size_t limit_;
  const Duration idle_timeout_;
  const ProxyRules proxies_;
  DeadlineWatch watch_;
  impl::Dialer dialer_;
  std::map<Endpoint, Pool> pools_;
  SteadyTime next_sweep_{};
  Stats stats_;
};

Result<std::unique_ptr<BeastTransport>> BeastTransport::make(boost::asio::any_io_executor executor,
                                                             TransportOptions options) {
  auto proxies = ProxyRules::parse(options.proxy);
  if (!proxies) return std::unexpected(proxies.error());
  std::unique_ptr<boost::asio::ssl::context> tls;
  if (!options.ca_bundle.empty()) {
    auto context = impl::make_client_context(options.ca_bundle);
    if (!context) return std::unexpected(context.error());
    tls = std::move(*context);
  }
  auto core = std::make_shared<Core>(executor, options, std::move(*proxies), std::move(tls));
  return std::unique_ptr<BeastTransport>(new BeastTransport(std::move(core)));
}

BeastTransport::BeastTransport(std::shared_ptr<Core> core) : core_(std::move(core)) {}
BeastTransport::~BeastTransport() = default;

async::Task<Result<Response>> BeastTransport::send(const Request& request, SendOptions options) {
  return Core::send(core_, request, options);
}

void BeastTransport::close_idle() { core_->close_idle(); }

BeastTransport::Stats BeastTransport::stats() const { return core_->stats(); }

}  // namespace dynamirror::http
