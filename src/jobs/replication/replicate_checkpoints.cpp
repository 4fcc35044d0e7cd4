// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"
#include "jobs/replication/replication_impl.hpp"
#include "jobs/replication/trim.hpp"

namespace dynamirror::jobs {

async::Task<> Replication::Impl::keep_checkpoints() {
  while (true) {
    co_await async::sleep_for(options.checkpoint_interval);
    if (auto saved = save_checkpoints(); !saved) {
      fail({ExitCode::kState, std::move(saved.error())});
      co_return;
    }
  }
}

/// Shards of ours that are safe further than was saved. Counts as saved what it answers.
std::vector<SafeShard> Replication::Impl::safe_shards() {
  std::vector<SafeShard> moved;
  for (ActiveShard& shard : active) {
    const auto& safe = pipeline.safe(shard.handle);
    if (shard.revoked == Revoked::kLost || !safe || safe == shard.saved) continue;
    moved.push_back({.shard = shard.id, .sequence = *safe});
    shard.saved = safe;
  }
  return moved;
}

Status Replication::Impl::save_checkpoints() {
  const std::vector<SafeShard> moved = safe_shards();
  if (!moved.empty()) {
    if (auto saved = shards.save(moved); !saved) return saved;
  }
  return shards.keep_time(read_until());
}

std::vector<ReadUntil> Replication::Impl::read_until() const {
  const SteadyTime steady = parts.clock.steady_now();
  const WallTime wall = parts.clock.wall_now();
  std::vector<ReadUntil> shards;
  for (const ActiveShard& shard : active) {
    ReadUntil read{.shard = shard.id, .newest = shard.newest};
    if (!shard.pushed && !shard.ended && shard.empty_answers >= kEmptyAnswersAtTip) {
      const Duration ago = steady - shard.reader.last_answer();
      read.empty_until = wall - std::chrono::duration_cast<WallTime::duration>(ago);
    }
    shards.push_back(std::move(read));
  }
  return shards;
}

async::Task<> Replication::Impl::watch_reading() {
  const auto limit = options.pipeline.stall_timeout;
  const auto look = std::min<std::chrono::milliseconds>(limit / 4, std::chrono::milliseconds(1'000));
  while (true) {
    co_await async::sleep_for(look);
    if (auto error = stalled()) {
      fail({ExitCode::kStalled, std::move(*error)});
      co_return;
    }
  }
}

/// Why nothing is read, or nothing when all is well. The pipeline watches over what was read.
std::optional<Error> Replication::Impl::stalled() {
  const SteadyTime now = parts.clock.steady_now();
  const auto limit = options.pipeline.stall_timeout;
  for (const ActiveShard& shard : active) {
    const bool reading_now = !shard.ended && !shard.waits_for_room && shard.revoked == Revoked::kNo;
    if (reading_now && now - std::max(shard.reader.last_answer(), shard.asked_at) > limit) {
      return nothing_moves("read shard", shard.id.str(), limit, shard.reader.last_trouble());
    }
  }
  return shards.stalled(now, limit);
}

}  // namespace dynamirror::jobs
