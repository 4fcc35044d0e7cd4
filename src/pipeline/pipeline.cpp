// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/text.hpp"

namespace dynamirror::jobs {

Pipeline::Pipeline(Parts parts, Options options, transform::ChangeRules rules)
    : parts_(parts),
      stall_timeout_(options.stall_timeout),
      core_({.target = parts.sink.describe(),
             .dead_letters = parts.dead_letters,
             .clock = parts.clock,
             .random = parts.random},
            {.buffer = {.max_bytes = options.max_bytes, .by_creation = options.by_creation, .combine = options.combine},
             .poison_hint = options.writing.poison_hint,
             .max_attempts = options.writing.max_attempts},
            std::move(rules)),
      pump_({core_, parts.sink, parts.dead_letters, parts.clock, parts.executor, parts.ending},
            options.writing.max_concurrent_writes),
      liveness_(parts.clock.steady_now()),
      tasks_(parts.executor) {}

async::Task<JobResult<void>> Pipeline::set_aside(ShardHandle shard, std::span<const model::UnreadableRecord> records) {
  auto letters = core_.letters_for(shard, records);
  if (!letters) co_return std::unexpected(std::move(letters.error()));
  if (letters->empty()) co_return JobResult<void>{};
  auto failure = co_await pump_.add_letters(std::move(*letters));
  if (failure) co_return std::unexpected(std::move(*failure));
  co_return JobResult<void>{};
}

void Pipeline::start() {
  tasks_.spawn(pump_.run());
  tasks_.spawn(watch());
}

async::Task<> Pipeline::drain(std::function<bool()> give_up) {
  constexpr Duration kLook = std::chrono::milliseconds(100);
  while (!parts_.ending.failure() && core_.counters().held() > 0 && !give_up()) {
    co_await pump_.settled().wait_for(kLook);
  }
}

async::Task<> Pipeline::stop() {
  tasks_.cancel();
  co_await tasks_.join();
  pump_.abandon_writes();
  co_await pump_.writes_ended();
}

async::Task<> Pipeline::watch() {
  const auto look = std::min<std::chrono::milliseconds>(stall_timeout_ / 4, std::chrono::milliseconds(1'000));
  while (true) {  // until cancelled
    co_await async::sleep_for(look);
    if (auto error = stalled()) {
      parts_.ending.fail({Reason::kStalled, std::move(*error)});
      co_return;
    }
  }
}

/// A process that is alive and useless is the worst of all failures: it must end, and say which part stands still.
std::optional<Error> Pipeline::stalled() {
  const SteadyTime now = parts_.clock.steady_now();
  // Changes that newer ones replace are no sign of life: those of a key that cannot be written are, all the time.
  const std::uint64_t written = core_.written();
  if (core_.counters().held() == 0 || written != std::exchange(written_, written)) liveness_.moved(now);
  if (!liveness_.stalled(now, stall_timeout_)) return std::nullopt;
  return nothing_moves("write changes", core_.what_waits(), stall_timeout_, core_.statistics().last_trouble);
}

Error nothing_moves(std::string doing, std::string resource, Duration limit, const std::string& trouble) {
  return Error{.error_class = ErrorClass::kTransient,
               .doing = std::move(doing),
               .resource = std::move(resource),
               .code = {},
               .message = fmt::format("nothing has moved for {} (--stall-timeout){}{}",
                                      format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(limit)),
                                      trouble.empty() ? "" : "; last trouble: ", trouble)};
}

}  // namespace dynamirror::jobs
