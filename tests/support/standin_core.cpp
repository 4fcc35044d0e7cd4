// SPDX-License-Identifier: Apache-2.0
#include "support/standin_core.hpp"

#include <cassert>

#include "support/fault_replies.hpp"

namespace dynamirror::support {
namespace {

constexpr std::size_t kMaxRequestBytes = 16u << 20;

RequestCheck::Options check_options(const DynamoDbStandin::Options& options) {
  RequestCheck::Options check = options.check;
  check.region = options.service.region;
  return check;
}

}  // namespace

TableState& StandinCore::State::table(const std::string& name) {
  TableState* found = service.table(name);
  assert(found != nullptr);
  return *found;
}

StreamLog& StandinCore::State::stream(const std::string& table_name) {
  TableState& owner = table(table_name);
  assert(!owner.streams.empty());
  return *owner.streams.back();
}

std::string StandinCore::State::canonical_key(const std::string& table_name, std::string_view key) {
  const auto object = parse_object(key);
  assert(object);
  auto text = key_of_key(*object, table(table_name).spec.key);
  assert(text);
  return std::move(*text);
}

StandinCore::StandinCore(DynamoDbStandin::Options options)
    : port(options.port),
      state_{.service = Service(options.service, system_clock()),
             .check = RequestCheck(check_options(options), options.identities)} {}

async::Task<WireReply> StandinCore::serve(WireRequest request) { co_return answer(request); }

WireReply StandinCore::answer(const WireRequest& request) {
  const std::scoped_lock lock(mutex_);
  const auto target = state_.check.check(request, system_clock().wall_now() + state_.clock_offset);
  if (!target) return refusal(target.error(), "request");
  const std::string operation = target->substr(std::min(target->find('.'), target->size() - 1) + 1);
  ++state_.statistics.requests[operation];
  if (request.body.size() > kMaxRequestBytes) {
    return refusal({413, "RequestEntityTooLarge", "Request size exceeded 16 MB", true}, operation);
  }

  const auto fault = state_.faults.next(operation);
  WireReply reply = perform(*target, operation, request.body, fault);
  reply.delay = state_.faults.next_latency();
  if (fault) spoil(reply, *fault);
  note_unanswered(reply);
  return reply;
}

WireReply StandinCore::perform(const std::string& target, std::string_view operation, const std::string& body,
                               std::optional<FaultKind> fault) {
  if (fault == FaultKind::kUnavailableHtml) {
    ++state_.statistics.errors["html"];
    return unavailable_html();
  }
  if (const auto error = fault ? error_of(*fault) : std::nullopt; error) return refusal(*error, operation);
  if (fault && prevents(*fault)) return {};
  auto done = state_.service.call(target, body, fault);
  return done ? reply_with(200, std::move(*done)) : refusal(done.error(), operation);
}

WireReply StandinCore::reply_with(int status, std::string body) {
  return json_reply(status, std::move(body), ++state_.answers, system_clock().wall_now() + state_.clock_offset);
}

WireReply StandinCore::refusal(const ServiceError& error, std::string_view operation) {
  ++state_.statistics.errors[error.type];
  if (error.client_bug) {
    state_.complaints.push_back(std::string(operation) + ": " + error.type + ": " + error.message);
  }
  return reply_with(error.status, error_body(error));
}

/// From now until the answer is out, another write of the same keys is one too many.
void StandinCore::note_unanswered(WireReply& reply) {
  const std::vector<std::string> keys = state_.service.take_last_written();
  if (keys.empty()) return;
  for (const std::string& key : keys) {
    if (++state_.unanswered[key] > 1) ++state_.statistics.overlapping_writes;
  }
  reply.on_delivered = [this, keys] {
    const std::scoped_lock lock(mutex_);
    for (const std::string& key : keys) {
      if (--state_.unanswered[key] == 0) state_.unanswered.erase(key);
    }
  };
}

}  // namespace dynamirror::support
