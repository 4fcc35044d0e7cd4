// SPDX-License-Identifier: Apache-2.0
#include "support/fault_proxy.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <mutex>

#include "support/digest.hpp"
#include "support/fault_replies.hpp"
#include "support/item_value.hpp"
#include "support/service_members.hpp"
#include "support/upstream.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

std::string operation_of(const WireRequest& request) {
  const std::string target(find_header(request.headers, "x-amz-target").value_or(""));
  return target.substr(target.find('.') + 1);  // npos + 1 is 0: all of it
}

/// A batch in two parts: what goes on, and what comes back as unprocessed. Both by table.
struct SplitBatch {
  json::object forwarded;
  json::object held_back;
};

SplitBatch split_batch(const json::object& request_items, bool all, Random& random) {
  SplitBatch split;
  for (const auto& [table, requests] : request_items) {
    json::array on;
    json::array back;
    for (const json::value& request : requests.as_array()) {
      (all || random.chance(0.5) ? back : on).push_back(request);
    }
    if (!on.empty()) split.forwarded[table] = std::move(on);
    if (!back.empty()) split.held_back[table] = std::move(back);
  }
  return split;
}

/// Adds what was held back to what the server itself left unprocessed.
void merge(json::object& unprocessed, const json::object& held_back) {
  for (const auto& [table, requests] : held_back) {
    if (!unprocessed.contains(table)) unprocessed[table] = json::array{};
    for (const json::value& request : requests.as_array()) unprocessed[table].as_array().push_back(request);
  }
}

}  // namespace

struct FaultProxy::Impl {
  explicit Impl(const Options& options)
      : random(options.policy.seed),
        upstream(std::make_unique<Upstream>(options.target_host, options.target_port)),
        server({.port = options.port}, [this](WireRequest request) { return serve(std::move(request)); }) {
    const std::scoped_lock lock(mutex);
    faults.set_policy(options.policy);
  }

  ~Impl() {
    server.stop();
    upstream.reset();  // its sockets must go before the event loop that the server owns
  }

  async::Task<WireReply> serve(WireRequest request) {
    const Decision decision = decide(operation_of(request));
    WireReply reply;
    if (!decision.fault) {
      reply = co_await forward(request);
    } else if (prevents(*decision.fault)) {
      reply = refusal(*decision.fault);
    } else {
      reply = co_await perform(request, *decision.fault);
    }
    reply.delay += decision.latency;
    if (decision.fault) spoil(reply, *decision.fault);
    co_return reply;
  }

  struct Decision {
    std::optional<FaultKind> fault;
    std::chrono::microseconds latency;
  };

  Decision decide(const std::string& operation) {
    const std::scoped_lock lock(mutex);
    ++statistics.requests[operation];
    return {faults.next(operation), faults.next_latency()};
  }

  WireReply own_reply(int status, std::string body) {
    const std::scoped_lock lock(mutex);
    return json_reply(status, std::move(body), ++answers, system_clock().wall_now());
  }

  WireReply refusal(FaultKind kind) {
    if (kind == FaultKind::kUnavailableHtml) return unavailable_html();
    const auto error = error_of(kind);
    return error ? own_reply(error->status, error_body(*error)) : WireReply{};
  }

  async::Task<WireReply> forward(const WireRequest& request) {
    auto reply = co_await upstream->forward(request);
    if (reply) co_return std::move(*reply);
    const std::scoped_lock lock(mutex);
    ++statistics.unreachable;
    WireReply unreachable;
    unreachable.status = 502;
    co_return unreachable;
  }

  async::Task<WireReply> perform(WireRequest request, FaultKind kind) {
    if (kind == FaultKind::kUnprocessedSome || kind == FaultKind::kUnprocessedAll) {
      co_return co_await hold_back(std::move(request), kind == FaultKind::kUnprocessedAll);
    }
    if (kind == FaultKind::kEmptyPage) {
      const auto body = parse_object(request.body);
      const auto token = body ? required_string(*body, "ShardIterator") : Expected<std::string>("");
      if (token) co_return own_reply(200, text_of({{"Records", json::array{}}, {"NextShardIterator", *token}}));
    }
    co_return co_await forward(request);
  }

  async::Task<WireReply> hold_back(WireRequest request, bool all) {
    auto body = parse_object(request.body);
    const json::value* items = body ? body->if_contains("RequestItems") : nullptr;
    if (items == nullptr || !items->is_object()) co_return co_await forward(request);
    SplitBatch split = split_batch(items->get_object(), all, random);
    if (split.forwarded.empty()) co_return own_reply(200, text_of({{"UnprocessedItems", std::move(split.held_back)}}));
    (*body)["RequestItems"] = std::move(split.forwarded);
    request.body = text_of(*body);
    WireReply reply = co_await forward(request);
    auto answer = parse_object(reply.body);
    json::value* left = answer ? answer->if_contains("UnprocessedItems") : nullptr;
    if (reply.status != 200 || left == nullptr || !left->is_object()) co_return reply;
    merge(left->get_object(), split.held_back);
    reply.body = text_of(*answer);
    for (auto& [name, value] : reply.headers) {
      if (name == "x-amz-crc32") value = std::to_string(crc32(reply.body));
    }
    co_return reply;
  }

  std::mutex mutex;  // guards what follows, up to the loop's own
  FaultPlan faults;
  Statistics statistics;
  std::uint64_t answers = 0;
  Random random;                       // the server's loop only
  std::unique_ptr<Upstream> upstream;  // the server's loop only
  WireServer server;
};

FaultProxy::FaultProxy(Options options) : impl_(std::make_unique<Impl>(options)) {}
FaultProxy::~FaultProxy() = default;

std::uint16_t FaultProxy::port() const { return impl_->server.port(); }
http::Endpoint FaultProxy::endpoint() const { return {.tls = false, .host = "127.0.0.1", .port = port()}; }

void FaultProxy::set_policy(FaultPlan::Policy policy) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->faults.set_policy(std::move(policy));
}

void FaultProxy::fail_next(FaultPlan::Script script) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->faults.add(std::move(script));
}

void FaultProxy::clear_faults() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->faults.clear();
}

void FaultProxy::drop_connections() { impl_->server.drop_connections(); }

FaultProxy::Statistics FaultProxy::statistics() const {
  const std::scoped_lock lock(impl_->mutex);
  Statistics statistics = impl_->statistics;
  statistics.faults = impl_->faults.counts();
  return statistics;
}

}  // namespace dynamirror::support
