// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <vector>

#include "async/task.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "base/strong_id.hpp"
#include "pipeline/job_failure.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct PreflightOptions {
  bool enable_stream = false;
  bool create_target = false;
  bool dry_run = false;            ///< nothing is created, turned on or probed for writing
  bool changes_elsewhere = false;  ///< they are told by another stream than the source's own, which need not be on
  bool reads_items = false;        ///< changed items are read from the source by their keys
};

/// Both tables as found fit for replication.
struct Prepared {
  aws::TableDescription source;
  aws::TableDescription target;
  StreamArn stream;  ///< empty when changes come from elsewhere
};

/// A table whose changes can be read.
struct PreparedSource {
  aws::TableDescription source;
  StreamArn stream;
};

/// The part of `preflight` that a target which is no table needs.
[[nodiscard]] async::Task<std::expected<PreparedSource, std::vector<JobFailure>>> preflight_source(
    TableSide& source, PreflightOptions options);

/// The part of `preflight` that a target needs whose changes come from elsewhere: there, usable and writable.
[[nodiscard]] async::Task<std::expected<aws::TableDescription, std::vector<JobFailure>>> preflight_target(
    TableSide& target);

/// Checks everything that would stop a replication later, before anything is read: tables there and usable, key schemas
/// equal, source and target not the same table, stream there and readable (and so the items when they are to be read by
/// their keys), target writable. Turns the
/// stream on and creates the target when asked.
///
/// Every finding is one failure, so that all can be mended at once; no failure is given twice.
/// Writing is probed with a put and a delete whose condition can never hold: they change nothing, and cost a write
/// unit.
[[nodiscard]] async::Task<std::expected<Prepared, std::vector<JobFailure>>> preflight(TableSide& source,
                                                                                      TableSide& target,
                                                                                      PreflightOptions options);

}  // namespace dynamirror::jobs
