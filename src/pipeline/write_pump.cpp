// SPDX-License-Identifier: Apache-2.0
#include "pipeline/write_pump.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"

namespace dynamirror::jobs {

WritePump::WritePump(const Parts& parts, std::size_t max_concurrent_writes)
    : parts_(parts),
      core_(parts.core),
      limit_({.initial = std::min<std::size_t>(4, max_concurrent_writes), .max = max_concurrent_writes}),
      writes_(parts.executor) {}

async::Task<> WritePump::run() {
  while (!failed_) {
    dispatch();
    const auto retry_at = core_.next_retry();
    if (retry_at && limit_.may_start()) {
      co_await wake_.wait_for(
          std::max(*retry_at - parts_.clock.steady_now(), Duration(std::chrono::microseconds(100))));
    } else {
      co_await wake_.wait();
    }
  }
}

void WritePump::dispatch() {
  const auto limits = parts_.sink.limits();
  const std::uint64_t released = core_.counters().released;
  while (!failed_ && limit_.may_start()) {
    auto batch = core_.take(limits);
    if (!batch) break;
    limit_.started();
    writes_.spawn(write(std::move(*batch)));
  }
  if (core_.counters().released != released) settled_.notify();
}

async::Task<> WritePump::write(WriteCore::Batch batch) {
  const SteadyTime begun = parts_.clock.steady_now();
  std::vector<sink::Outcome> outcomes;
  if (!batch.changes.empty()) {
    std::vector<const model::Change*> changes;
    changes.reserve(batch.changes.size());
    for (const WriteCore::InFlight& item : batch.changes) changes.push_back(item.change);
    auto answer = co_await parts_.sink.write(changes, batch.not_after);
    if (!answer) {
      fail({reason_for(answer.error()), std::move(answer.error())});
      co_return;
    }
    outcomes = std::move(*answer);
  }
  auto settled = core_.settle(batch, outcomes);
  const SteadyTime now = parts_.clock.steady_now();
  limit_.finished(now - begun, settled.outcome, now);
  tell_settled();
  if (settled.failure) {
    fail(std::move(*settled.failure));
  } else if (!settled.poison.letters.empty()) {
    auto failure = co_await add_letters(std::move(settled.poison.letters));
    if (failure) {
      fail(std::move(*failure));
      co_return;
    }
    core_.dead_lettered(settled.poison.tickets);
    tell_settled();
  }
}

async::Task<std::optional<JobFailure>> WritePump::add_letters(std::vector<sink::DeadLetter> letters) {
  const std::size_t count = letters.size();
  const std::string first_key(letters.front().change.key());
  const std::string error = to_line(letters.front().error);
  Status added = co_await parts_.dead_letters->add(std::move(letters));
  if (!added) co_return JobFailure{Reason::kState, std::move(added.error())};
  if (log::enabled(log::Level::kWarning)) {
    log::warning("changes set aside as dead letters", {{"count", std::to_string(count)},
                                                       {"first_key", first_key},
                                                       {"error", error},
                                                       {"file", parts_.dead_letters->describe()}});
  }
  co_return std::nullopt;
}

void WritePump::tell_settled() {
  settled_.notify();
  if (core_.has_room()) room_.notify();
  wake_.notify();
}

void WritePump::fail(JobFailure failure) {
  if (std::exchange(failed_, true)) return;
  parts_.ending.fail(std::move(failure));
  settled_.notify();
  room_.notify();  // whoever waits for room must learn of it
  wake_.notify();
}

}  // namespace dynamirror::jobs
