// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "jobs/segments/leased_segments.hpp"
#include "service/host.hpp"
#include "service/leases.hpp"

namespace dynamirror::service {

/// A job over a whole table, shared with other processes through the lease table that the user named.
struct SharedJobSession {
  jobs::SharedJob job;
  Leases leases;
  jobs::SharedJobRows rows;  ///< before this process joined

  [[nodiscard]] jobs::SegmentLeases names() const { return jobs::SegmentLeases(job); }
  /// Whether the job has begun, as of now. Errors: the lease table's.
  [[nodiscard]] async::Task<Result<bool>> has_begun() const;
};

/// Opens the lease table and reads what it holds of the job. `source`, `side`: as for open_leases.
/// Errors: one line each; class conflict for a table that is another job's.
[[nodiscard]] async::Task<Result<SharedJobSession>> open_shared_job(Host& host, LeaseOptions options,
                                                                    aws::TableAddress source, aws::SideOptions side,
                                                                    jobs::SharedJob job);

/// What one process says about the job it shares.
struct SharedJobSummary {
  std::string table;          ///< of the leases, as the user named it
  bool was_complete = false;  ///< before this process came
  jobs::LeasedSegments::Status status{};
};

[[nodiscard]] SharedJobSummary complete_already(const SharedJobSession& shared);

}  // namespace dynamirror::service
