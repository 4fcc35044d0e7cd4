// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {

async::Task<> Replication::Impl::keep_checkpoints() {
  while (true) {
    co_await async::sleep_for(options.checkpoint_interval);
    const std::vector<SafeShard> moved = core.take_safe();
    if (!moved.empty()) shards.save(moved);
    keep_time();
  }
}

void Replication::Impl::keep_time() {
  shards.keep_time(core.read_until(parts.clock.steady_now(), parts.clock.wall_now()));
}

async::Task<> Replication::Impl::watch_reading() {
  const auto limit = options.pipeline.stall_timeout;
  const auto look = std::min<std::chrono::milliseconds>(limit / 4, std::chrono::milliseconds(1'000));
  while (true) {
    co_await async::sleep_for(look);
    if (auto error = stalled()) {
      fail({Reason::kStalled, std::move(*error)});
      co_return;
    }
  }
}

/// Why nothing is read, or nothing when all is well. The pipeline watches over what was read.
std::optional<Error> Replication::Impl::stalled() {
  const SteadyTime now = parts.clock.steady_now();
  const auto limit = options.pipeline.stall_timeout;
  for (const ActiveShard& shard : active) {
    const bool reading_now = ReplicationCore::reads(shard.core) && !shard.waits_for_room;
    if (reading_now && now - std::max(shard.reader.last_answer(), shard.asked_at) > limit) {
      return nothing_moves("read shard", shard.core.id.str(), limit, shard.reader.last_trouble());
    }
  }
  return shards.stalled(now, limit);
}

}  // namespace dynamirror::jobs
