// SPDX-License-Identifier: Apache-2.0
#include "async/sleep.hpp"
#include "jobs/replication/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

constexpr std::chrono::milliseconds kLook{50};

}  // namespace

bool Replication::Impl::caught_up() const {
  return core.caught_up(shards.all_started(active.size()));
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
