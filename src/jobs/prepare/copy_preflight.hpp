// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "base/random.hpp"
#include "pipeline/job_failure.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct CopyPreflightOptions {
  bool create_target = false;
  bool dry_run = false;  ///< nothing is created
};

/// Both tables as found fit for a copy.
struct CopyTables {
  aws::TableDescription source;
  aws::TableDescription target;
  bool target_is_planned = false;  ///< a dry run: the target would be created
};

/// Checks what would stop a copy later: tables there and active, key schemas equal, not the same table. Creates the
/// target when asked. Errors: kNotReady, or what the error's class says, with the remedy.
[[nodiscard]] async::Task<JobResult<CopyTables>> copy_preflight(TableSide& source, TableSide& target,
                                                                CopyPreflightOptions options);

/// Whether a table holds any item: one page of a scan. Throttling is waited out for a while.
[[nodiscard]] async::Task<Result<bool>> has_items(TableSide& table, Random& random);

/// What reading a table (or one share of it) and writing it elsewhere comes to, by what the table says of itself
/// (DynamoDB counts every six hours; a new table says 0).
struct CopyEstimate {
  double items = 0;
  double bytes = 0;
  double read_units = 0;   ///< 4 KiB each, half of that when not consistent
  double write_units = 0;  ///< 1 KiB each, at least one an item; those of indexes come on top
};
struct EstimateOptions {
  bool consistent = false;
  std::uint32_t shares = 1;
};
[[nodiscard]] CopyEstimate estimate_copy(const aws::TableDescription& table, EstimateOptions options);

/// "about 1,200 items, 345,678 bytes: 43 read units, 1,200 write units (without indexes)".
[[nodiscard]] std::string to_text(const CopyEstimate& estimate);

}  // namespace dynamirror::jobs
