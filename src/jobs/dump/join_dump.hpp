// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "jobs/dump/backup_table.hpp"

namespace dynamirror::jobs {

/// Makes one manifest of those that the segments of a dump have written, and removes theirs: from then on a single
/// object tells that the dump is whole, and of what. Done again it changes nothing. The totals have no SHA-256.
/// Errors: class invalid, naming the segment, when one has no manifest, or when they are of different tables.
[[nodiscard]] async::Task<JobResult<BackupResult>> join_dump(objects::ObjectStore& store, std::string job_id,
                                                             std::uint32_t segments);

}  // namespace dynamirror::jobs
