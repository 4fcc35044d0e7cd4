// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "async/sleep.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::chrono::milliseconds kLook{50};

}  // namespace

/// Whether nothing is left to read, as of a moment ago: of a shard that does not answer any more nobody knows.
bool Replication::Impl::at_tip(const ActiveShard& shard) const {
  const SteadyTime asked_at = std::max(shard.reader.last_answer(), shard.asked_at);
  return ReplicationCore::had_nothing(shard.core) &&
         parts.clock.steady_now() - asked_at <= options.idle_poll + options.longest_answer;
}

bool Replication::Impl::caught_up() const {
  return core.caught_up(shards.all_started(active.size())) &&
         std::ranges::all_of(active, [this](const ActiveShard& shard) { return at_tip(shard); });
}

/// What is read counts from when it was made. What is not read yet was made after the last change that was, or, in a
/// shard that was at its tip, after the last answer.
std::chrono::milliseconds Replication::Impl::current_lag() const {
  const WallTime now = parts.clock.wall_now();
  WallTime oldest = std::min(pipeline.missing_since().value_or(now), now);  // the source's clock may be ahead
  for (const ActiveShard& shard : active) {
    if (shard.core.ended || at_tip(shard)) continue;
    const auto silence = parts.clock.steady_now() - shard.reader.last_answer();
    const WallTime answered = now - std::chrono::duration_cast<WallTime::duration>(silence);
    const bool mid_shard = shard.core.newest && !ReplicationCore::had_nothing(shard.core);
    oldest = std::min(oldest, mid_shard ? *shard.core.newest : answered);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest);
}

async::Task<> Replication::Impl::end_when_caught_up() {
  while (!ending.finished()) {
    co_await async::sleep_for(kLook);
    if (!caught_up()) continue;
    // A shard may have split since the last listing: only a new one shows that there is nothing else to read.
    const bool listed = co_await shards.refresh();
    if (!listed) continue;
    core.listed_anew();
    co_await confirm_caught_up();
  }
}

/// The job is done only when every shard has answered some more questions with nothing.
async::Task<> Replication::Impl::confirm_caught_up() {
  while (caught_up()) {
    if (core.confirmed()) {
      ending.finish();
      co_return;
    }
    co_await async::sleep_for(kLook);
  }
}

}  // namespace dynamirror::jobs
