// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/change_spool.hpp"

#include <utility>

#include "async/disk_thread.hpp"

namespace dynamirror::jobs {

async::Task<Result<std::vector<sink::Outcome>>> ChangeSpool::write(std::span<const model::Change* const> changes,
                                                                   SteadyTime /*not_after*/) {
  const auto put = [this, changes] { return store_.put_changes(changes); };
  Status kept = co_await async::on_disk_thread(put);
  if (!kept) co_return std::unexpected(std::move(kept.error()));
  co_return std::vector<sink::Outcome>(changes.size(), sink::Applied{});
}

}  // namespace dynamirror::jobs
