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
      rules_(std::move(rules)),
      buffer_({.max_bytes = options.max_bytes}),
      pump_({buffer_, parts.sink, parts.dead_letters, parts.clock, parts.random, parts.executor, parts.ending},
            options.writing),
      liveness_(parts.clock.steady_now()),
      tasks_(parts.executor) {
  for (const auto& rule : rules_) rule_counts_.push_back({.rule = rule->name()});
}

void Pipeline::name_shards(WritePump::ShardName name) {
  shard_name_ = name;
  pump_.set_shard_name(std::move(name));
}

void Pipeline::remove_shard(ShardHandle shard) {
  std::erase(shards_, shard);
  buffer_.remove_shard(shard);
}

void Pipeline::push(ShardHandle shard, model::Change change) {
  if (!rules_.empty()) {
    const WallTime now = parts_.clock.wall_now();
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const transform::Verdict verdict = rules_[i]->apply(change, now);
      if (verdict == transform::Verdict::kRewrite) ++rule_counts_[i].rewritten;
      if (verdict != transform::Verdict::kDrop) continue;
      ++rule_counts_[i].dropped;
      buffer_.push_filtered(shard, change.sequence());
      return;
    }
  }
  buffer_.push(shard, std::move(change));
}

void Pipeline::start() {
  tasks_.spawn(pump_.run());
  tasks_.spawn(watch());
}

async::Task<> Pipeline::drain(std::function<bool()> give_up) {
  constexpr Duration kLook = std::chrono::milliseconds(100);
  while (!parts_.ending.failure() && buffer_.counters().held() > 0 && !give_up()) {
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
      parts_.ending.fail({ExitCode::kStalled, std::move(*error)});
      co_return;
    }
  }
}

/// A process that is alive and useless is the worst of all failures: it must end, and say which part stands still.
std::optional<Error> Pipeline::stalled() {
  const SteadyTime now = parts_.clock.steady_now();
  const auto& counters = buffer_.counters();
  // Superseded changes are no sign of life: those of a key that cannot be written are superseded all the time.
  const std::uint64_t written = counters.applied + counters.dead_lettered;
  if (counters.held() == 0 || written != std::exchange(written_, written)) liveness_.moved(now);
  if (!liveness_.stalled(now, stall_timeout_)) return std::nullopt;
  return nothing_moves("write changes", what_waits(), stall_timeout_, pump_.statistics().last_trouble);
}

/// "of shard NAME", of the oldest one with changes that wait, or "to TARGET" where shards have no names.
std::string Pipeline::what_waits() const {
  const auto waiting = std::find_if(shards_.begin(), shards_.end(),
                                    [&](ShardHandle shard) { return buffer_.outstanding(shard) > 0; });
  if (!shard_name_ || waiting == shards_.end()) return "to " + parts_.sink.describe();
  return "of shard " + shard_name_(*waiting).str();
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
