// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <optional>
#include <vector>

#include "async/stop_request.hpp"
#include "jobs/conflicts/shared_table.hpp"

namespace dynamirror::jobs {

/// One line of a list.
struct ConflictLine {
  sink::ConflictRow row;    ///< without its images, of which a table may hold more than memory does
  bool loser_kept = false;  ///< it can be taken: its image is in the row, or it was a deletion
};

/// All conflicts noted beside a table, `since` a moment if given, oldest first: by a scan of the companion table.
/// Errors: those of the service; a stop. All that is referred to outlives the task.
struct ListParts {
  const Clock& clock;
  Random& random;
  StopRequest& stop;
  boost::asio::any_io_executor executor;
};
[[nodiscard]] async::Task<Result<std::vector<ConflictLine>>> list_conflicts(SharedTable& table,
                                                                            std::optional<WallTime> since,
                                                                            ListParts parts);
[[nodiscard]] ConflictLine line_of(sink::ConflictRow row);

}  // namespace dynamirror::jobs
