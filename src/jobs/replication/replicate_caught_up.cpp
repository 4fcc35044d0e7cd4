// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "async/sleep.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::size_t kEmptyAnswersAfterListing = 3;
constexpr std::chrono::milliseconds kLook{50};

}  // namespace

/// Whether nothing is left to read, as of a moment ago: of a shard that does not answer any more nobody knows.
bool Replication::Impl::at_tip(const ActiveShard& shard) const {
  const SteadyTime asked_at = std::max(shard.reader.last_answer(), shard.asked_at);
  return shard.empty_answers >= kEmptyAnswersAtTip &&
         parts.clock.steady_now() - asked_at <= options.idle_poll + options.longest_answer;
}

bool Replication::Impl::caught_up() const {
  return shards.all_started(active.size()) && pipeline.counters().held() == 0 &&
         std::all_of(active.begin(), active.end(), [this](const ActiveShard& shard) { return at_tip(shard); });
}

/// What is read counts from when it was made. What is not read yet was made after the last change that was, or, in a
/// shard that was at its tip, after the last answer.
std::chrono::milliseconds Replication::Impl::current_lag() const {
  const WallTime now = parts.clock.wall_now();
  WallTime oldest = std::min(pipeline.missing_since().value_or(now), now);  // the source's clock may be ahead
  for (const ActiveShard& shard : active) {
    if (shard.ended || at_tip(shard)) continue;
    const auto silence = parts.clock.steady_now() - shard.reader.last_answer();
    const WallTime answered = now - std::chrono::duration_cast<WallTime::duration>(silence);
    const bool mid_shard = shard.newest && shard.empty_answers < kEmptyAnswersAtTip;
    oldest = std::min(oldest, mid_shard ? *shard.newest : answered);
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest);
}

async::Task<> Replication::Impl::end_when_caught_up() {
  while (!ending.finished()) {
    co_await async::sleep_for(kLook);
    // A shard may have split since the last listing: only a new one shows that there is nothing else to read.
    if (!caught_up() || !co_await shards.refresh()) continue;
    for (ActiveShard& shard : active) shard.empty_answers_at_listing = shard.empty_answers;
    co_await confirm_caught_up();
  }
}

/// Answers may be empty in the middle of a shard, and those that came before the listing know nothing of a shard that
/// ended meanwhile: the job is done only when every shard has answered some more questions with nothing.
async::Task<> Replication::Impl::confirm_caught_up() {
  while (caught_up()) {
    const bool confirmed = std::all_of(active.begin(), active.end(), [](const ActiveShard& shard) {
      return shard.empty_answers >= shard.empty_answers_at_listing + kEmptyAnswersAfterListing;
    });
    if (confirmed) {
      ending.finish();
      co_return;
    }
    co_await async::sleep_for(kLook);
  }
}

}  // namespace dynamirror::jobs
