// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/replication_impl.hpp"

namespace dynamirror::jobs {

/// True when the rows are durable; otherwise the job has failed: what cannot be remembered must not be relied on.
bool Replication::Impl::save(std::vector<model::ShardCheckpoint> rows) {
  auto saved = parts.store.save(parts.stream.arn, rows);
  if (!saved) fail({ExitCode::kState, std::move(saved.error())});
  return saved.has_value();
}

async::Task<> Replication::Impl::keep_checkpoints() {
  while (true) {
    co_await async::sleep_for(options.checkpoint_interval);
    if (auto saved = save_checkpoints(); !saved) {
      fail({ExitCode::kState, std::move(saved.error())});
      co_return;
    }
  }
}

Status Replication::Impl::save_checkpoints() {
  std::vector<model::ShardCheckpoint> rows;
  std::vector<ActiveShard*> moved;
  for (ActiveShard& shard : active) {
    const auto& safe = buffer.safe(shard.handle);
    if (!safe || safe == shard.saved) continue;
    rows.push_back({.shard = shard.id, .parents = parents_of[shard.id], .checkpoint = model::AfterSequence{*safe}});
    moved.push_back(&shard);
  }
  if (rows.empty()) return {};
  if (auto saved = parts.store.save(parts.stream.arn, rows); !saved) return saved;
  for (ActiveShard* shard : moved) {
    shard->saved = buffer.safe(shard->handle);
    graph->checkpointed(shard->id, *shard->saved);
  }
  return {};
}

async::Task<> Replication::Impl::watch_liveness() {
  const auto look = std::min<std::chrono::milliseconds>(options.stall_timeout / 4, std::chrono::milliseconds(1'000));
  while (true) {
    co_await async::sleep_for(look);
    if (auto error = stalled()) {
      fail({ExitCode::kStalled, std::move(*error)});
      co_return;
    }
  }
}

/// Why nothing moves, or nothing when all is well. A process that is alive and useless is the worst of all failures: it
/// must end, and say which part stands still.
std::optional<Error> Replication::Impl::stalled() {
  const SteadyTime now = parts.clock.steady_now();
  const auto limit = options.stall_timeout;
  const auto stall = [&](std::string doing, std::string resource, const std::string& trouble) {
    return Error{.error_class = ErrorClass::kTransient,
                 .doing = std::move(doing),
                 .resource = std::move(resource),
                 .code = {},
                 .message = fmt::format("nothing has moved for {} (--stall-timeout){}{}", format_duration(limit),
                                        trouble.empty() ? "" : "; last trouble: ", trouble)};
  };
  const auto& counters = buffer.counters();
  // Superseded changes are no sign of life: those of a key that cannot be written are superseded all the time.
  const std::uint64_t written = counters.applied + counters.dead_lettered;
  if (counters.held() == 0 || written != std::exchange(written_so_far, written)) liveness_of_writing.moved(now);
  if (liveness_of_writing.stalled(now, limit)) {
    return stall("write changes of shard", shard_with_waiting_changes().str(), pump.statistics().last_trouble);
  }
  for (const ActiveShard& shard : active) {
    const bool reading_now = !shard.ended && !shard.waits_for_room;
    if (reading_now && now - std::max(shard.reader.last_answer(), shard.asked_at) > limit) {
      return stall("read shard", shard.id.str(), shard.reader.last_trouble());
    }
  }
  if (listing_rests) listing.moved(now);
  if (listing.stalled(now, limit)) return stall("list shards of", parts.stream.arn.str(), lister.last_trouble());
  return std::nullopt;
}

/// The oldest such shard, for messages.
ShardId Replication::Impl::shard_with_waiting_changes() const {
  const auto found = std::find_if(active.begin(), active.end(),
                                  [&](const ActiveShard& shard) { return buffer.outstanding(shard.handle) > 0; });
  return found == active.end() ? ShardId() : found->id;
}

}  // namespace dynamirror::jobs
