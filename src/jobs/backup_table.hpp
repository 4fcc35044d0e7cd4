// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "async/cpu_pool.hpp"
#include "jobs/exit_code.hpp"
#include "jobs/lines_object.hpp"
#include "jobs/stop_request.hpp"
#include "jobs/table_side.hpp"
#include "objects/object_store.hpp"
#include "source/table_scan.hpp"

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

/// Where the parts of a dump stand, relative to the address that the user gave.
struct DumpNames {
  std::string job_id;
  std::uint32_t share = 0;
  std::uint32_t shares = 1;

  /// `<jobid>/<segment>`: one JSON item a line, as mapbox's backup-table writes it. Nothing else stands in that folder.
  [[nodiscard]] std::string data() const { return job_id + "/" + std::to_string(share); }
  /// `<jobid>.table.json`: what DescribeTable said.
  [[nodiscard]] std::string table() const { return job_id + ".table.json"; }
  /// `<jobid>.manifest.json`, or `<jobid>.manifest-<segment>-of-<segments>.json`. Written last: a dump without the
  /// manifests of all its segments is incomplete.
  [[nodiscard]] std::string manifest() const;
};

/// Dumps a table, or this process's share of it, into one object, then writes the description of the table and the
/// manifest. After a failure nothing of the data is visible, and there is no manifest.
[[nodiscard]] async::Task<JobResult<BackupResult>> backup_table(TableSide& table, objects::ObjectStore& store,
                                                                BackupOptions options, async::CpuPool& pool,
                                                                source::TableScan& scan, StopRequest& stop,
                                                                const Clock& clock);

}  // namespace dynamirror::jobs
