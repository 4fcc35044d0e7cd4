// SPDX-License-Identifier: Apache-2.0
#include "lambda/serve.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/log.hpp"
#include "json/writer.hpp"

namespace dynamirror::lambda {
namespace {

/// Whoever waited longer for an event may have been frozen. Its connections may be dead, and no clock of its own that
/// stood still meanwhile can tell.
constexpr std::chrono::seconds kMayHaveFrozen{5};

struct Metric {
  std::string_view name;
  std::string_view unit;
  std::string value;
};

std::array<Metric, 10> metrics_of(const InvocationMetrics& metrics) {
  const BatchResult& batch = metrics.applied.batch;
  const auto& changes = batch.changes;
  const auto count = [](std::uint64_t number) { return std::to_string(number); };
  return {{{"Read", "Count", count(changes.read)},
           {"Applied", "Count", count(changes.applied)},
           {"Superseded", "Count", count(changes.superseded)},
           {"Filtered", "Count", count(changes.filtered)},
           {"DeadLettered", "Count", count(changes.dead_lettered - batch.letters_lost)},
           {"NotDone", "Count", count(changes.held() + batch.letters_lost)},
           {"Retries", "Count", count(batch.retries)},
           {"WriteUnits", "None", fmt::format("{:.1f}", metrics.applied.write_units)},
           {"Lag", "Milliseconds", std::to_string(batch.lag.count())},
           {"Duration", "Milliseconds", std::to_string(metrics.duration.count())}}};
}

std::chrono::milliseconds since(SteadyTime begun, const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady_now() - begun);
}

void tell(const Function::Applied& applied, std::chrono::milliseconds duration) {
  const BatchResult& batch = applied.batch;
  log::info("applied", {{"read", std::to_string(batch.changes.read)},
                        {"applied", std::to_string(batch.changes.applied)},
                        {"superseded", std::to_string(batch.changes.superseded)},
                        {"filtered", std::to_string(batch.changes.filtered)},
                        {"dead_lettered", std::to_string(batch.changes.dead_lettered - batch.letters_lost)},
                        {"not_done", std::to_string(batch.changes.held() + batch.letters_lost)},
                        {"duration_ms", std::to_string(duration.count())}});
  if (batch.not_done.empty()) return;
  log::error("not all changes are done", {{"first_not_done", batch.not_done.front()},
                                          {"error", batch.why ? to_line(*batch.why) : "for no known reason"}});
}

async::Task<Status> answer(ServeParts& parts, Invocation invocation) {
  const SteadyTime begun = parts.clock.steady_now();
  auto applied = co_await parts.function.apply(std::move(invocation.event), invocation.deadline);
  const auto duration = since(begun, parts.clock);
  if (!applied) {
    log::error("the event was not applied", {{"error", to_line(applied.error())}});
    co_return co_await parts.runtime.fail(std::move(invocation.request_id), function_error(applied.error()));
  }
  tell(*applied, duration);
  const FunctionOptions& options = parts.function.options();
  const BatchResult batch = applied->batch;
  if (!options.metrics.empty()) {
    InvocationMetrics metrics{.space = options.metrics,
                              .function_name = parts.function_name,
                              .request_id = invocation.request_id,
                              .at = parts.clock.wall_now(),
                              .duration = duration};
    metrics.applied = std::move(*applied);
    parts.print_line(to_metrics_line(metrics));
  }
  if (options.on_failure == OnFailure::kError && !batch.not_done.empty()) {
    Error error = batch.why.value_or(Error{});
    error.message += "; the first change not done is " + batch.not_done.front();
    co_return co_await parts.runtime.fail(std::move(invocation.request_id), function_error(error));
  }
  co_return co_await parts.runtime.respond(std::move(invocation.request_id), to_answer(batch));
}

}  // namespace

std::string to_metrics_line(const InvocationMetrics& metrics) {
  const auto values = metrics_of(metrics);
  const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(metrics.at.time_since_epoch()).count();
  std::string line;
  json::Writer json(line);
  json.begin_object().name("_aws").begin_object().name("Timestamp").integer(at);
  json.name("CloudWatchMetrics").begin_array().begin_object().name("Namespace").string(metrics.space);
  json.name("Dimensions").begin_array().begin_array().string("FunctionName").end_array().end_array();
  json.name("Metrics").begin_array();
  for (const Metric& metric : values) {
    json.begin_object().name("Name").string(metric.name).name("Unit").string(metric.unit).end_object();
  }
  json.end_array().end_object().end_array().end_object();
  json.name("FunctionName").string(metrics.function_name).name("requestId").string(metrics.request_id);
  for (const Metric& metric : values) json.name(metric.name).raw(metric.value);
  json.name("filteredBy").begin_object();
  for (const auto& [rule, dropped] : metrics.applied.batch.filtered_by) {
    json.name(rule).integer(static_cast<std::int64_t>(dropped));
  }
  json.end_object().end_object();
  return line;
}

std::string to_answer(const BatchResult& batch) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("batchItemFailures").begin_array();
  for (const std::string& sequence : batch.not_done) {
    json.begin_object().name("itemIdentifier").string(sequence).end_object();
  }
  json.end_array().end_object();
  return body;
}

async::Task<Status> serve(ServeParts parts) {
  for (;;) {  // until the interface fails, or the process is ended
    const WallTime asked = parts.clock.wall_now();
    auto invocation = co_await parts.runtime.next();
    if (!invocation) co_return std::unexpected(std::move(invocation.error()));
    parts.request_id = invocation->request_id;
    if (parts.clock.wall_now() - asked > kMayHaveFrozen) parts.thawed();
    auto answered = co_await answer(parts, std::move(*invocation));
    // An answer that came too late, or not at all: Lambda has its own answer for that, and the next event is its.
    if (!answered) log::error("the answer was not taken", {{"error", to_line(answered.error())}});
    parts.request_id.clear();
  }
}

}  // namespace dynamirror::lambda
