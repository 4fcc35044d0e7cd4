// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "async/cpu_pool.hpp"
#include "async/stop_request.hpp"
#include "jobs/dump/lines_object.hpp"
#include "objects/object_store.hpp"
#include "pipeline/job_failure.hpp"
#include "source/table_scan.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct BackupOptions {
  std::string job_id;  ///< names the dump; 16 hex digits when the user gives none
  Compression compression = Compression::kGzip;
  source::TableScan::Options scan;
};

struct BackupResult {
  LinesObjectTotals object;
  double consumed_read_units = 0;
};

/// Dumps a table, or this process's share of it: its description, one object, last the manifest. After a failure
/// nothing of the data is visible, and nothing says that this dump is complete.
[[nodiscard]] async::Task<JobResult<BackupResult>> backup_table(TableSide& table, objects::ObjectStore& store,
                                                                BackupOptions options, async::CpuPool& pool,
                                                                source::TableScan& scan, StopRequest& stop,
                                                                const Clock& clock);

}  // namespace dynamirror::jobs
