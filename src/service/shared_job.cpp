// SPDX-License-Identifier: Apache-2.0
#include "service/shared_job.hpp"

#include <utility>

#include "base/log.hpp"

namespace dynamirror::service {

async::Task<Result<bool>> SharedJobSession::has_begun() const {
  const auto row = co_await leases.store->get(names().job_key());
  if (!row) co_return std::unexpected(row.error());
  co_return row->has_value();
}

async::Task<Result<SharedJobSession>> open_shared_job(Host& host, LeaseOptions options, aws::TableAddress source,
                                                      aws::SideOptions side, jobs::SharedJob job) {
  std::string table = options.table;
  std::string file_job = job.purpose + " " + job.identity;
  auto leases = co_await open_leases(host, std::move(options), std::move(table), std::move(source), std::move(side),
                                     std::move(file_job));
  if (!leases) co_return std::unexpected(std::move(leases.error()));
  const jobs::SegmentLeases names(job);
  auto rows = co_await jobs::find_shared_job(*leases->store, names);
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  SharedJobSession shared{.job = std::move(job), .leases = std::move(*leases), .rows = std::move(*rows)};
  if (shared.rows.complete()) {
    log::info(
        "all segments of this job are done; to start over, reset its leases (`leases reset`) or name another "
        "--lease-table",
        {{"table", shared.leases.store->describe()}});
  } else if (shared.rows.terms) {
    log::info("joining the job that others have begun", {{"table", shared.leases.store->describe()},
                                                         {"segments", std::to_string(shared.rows.terms->segments)},
                                                         {"segments_done", std::to_string(shared.rows.done)}});
  }
  co_return shared;
}

SharedJobSummary complete_already(const SharedJobSession& shared) {
  return {.table = shared.leases.table,
          .was_complete = true,
          .status = {.segments = shared.rows.terms->segments, .done = shared.rows.done}};
}

}  // namespace dynamirror::service
