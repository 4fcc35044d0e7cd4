// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "async/sleep.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::size_t kEmptyAnswersAfterListing = 3;
constexpr std::chrono::milliseconds kLook{50};

}  // namespace

bool Replication::Impl::caught_up() const {
  return shards.all_started(active.size()) && pipeline.counters().held() == 0 &&
         std::all_of(active.begin(), active.end(),
                     [](const ActiveShard& shard) { return shard.empty_answers >= kEmptyAnswersAtTip; });
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
