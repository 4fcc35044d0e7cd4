// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/change_spool.hpp"

#include <utility>

namespace dynamirror::jobs {

async::Task<Result<std::vector<sink::Outcome>>> ChangeSpool::write(std::span<const model::Change* const> changes,
                                                                   SteadyTime /*not_after*/) {
  auto kept = store_.put_changes(changes);
  if (!kept) co_return std::unexpected(std::move(kept.error()));
  co_return std::vector<sink::Outcome>(changes.size(), sink::Applied{});
}

}  // namespace dynamirror::jobs
