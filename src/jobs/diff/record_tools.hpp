// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "jobs/diff/diff_repair.hpp"
#include "pipeline/job_failure.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

/// The record of one key in two tables.
struct RecordDiff {
  std::string key_json;                   ///< canonical wire form
  std::string primary_json;               ///< as the service sent it; empty: no such record
  std::string replica_json;               ///< likewise
  std::vector<std::string> attributes{};  ///< that differ, when both are there
  bool equal = false;
};

struct RecordRepair {
  std::string key_json;
  RepairOutcome outcome = RepairOutcome::kEqual;
};

/// Reads the record of one key, given in wire or plain form (model::parse_key_argument), from both tables by consistent
/// reads. Failures: a table is not there (kNotReady), a key that is none of the primary's (kInvalid), and those of the
/// services. Both sides outlive the task.
[[nodiscard]] async::Task<JobResult<RecordDiff>> diff_record(TableSide& primary, TableSide& replica,
                                                             std::string key_argument, const Clock& clock,
                                                             Random& random);

/// Brings the record of one key from the primary to the replica, by DiffRepairer: a record that the primary does not
/// have is deleted. Failures as above.
[[nodiscard]] async::Task<JobResult<RecordRepair>> replicate_record(TableSide& primary, TableSide& replica,
                                                                    std::string key_argument, const Clock& clock,
                                                                    Random& random);

}  // namespace dynamirror::jobs
