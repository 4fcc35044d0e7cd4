// SPDX-License-Identifier: Apache-2.0
#include "app/session/shared_job.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"

namespace dynamirror::app {

async::Task<Result<bool>> SharedJobSession::has_begun() const {
  const auto row = co_await leases.store->get(names().job_key());
  if (!row) co_return std::unexpected(row.error());
  co_return row->has_value();
}

async::Task<Result<SharedJobSession>> open_shared_job(service::Host& host, service::LeaseOptions options,
                                                      aws::TableAddress source, aws::SideOptions side,
                                                      jobs::SharedJob job) {
  std::string table = options.table;
  std::string file_job = job.purpose + " " + job.identity;
  auto leases = co_await service::open_leases(host, std::move(options), std::move(table), std::move(source),
                                              std::move(side), std::move(file_job));
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

std::string to_text(const SharedJobSummary& summary) {
  const auto& status = summary.status;
  if (summary.was_complete) {
    return fmt::format(
        "  all {} segments were done before, by the leases in {}; to start over: `leases reset`, or "
        "another --lease-table\n",
        status.segments, summary.table);
  }
  const auto& leases = status.leases;
  return fmt::format(
      "  {} segments finished here, {} of {} by all workers: the whole is {}\n"
      "  leases in {}: {} taken ({} of them from workers with too many), {} given away, {} lost\n",
      status.finished_here, status.done, status.segments, status.complete() ? "complete" : "not complete yet",
      summary.table, format_count(leases.taken), format_count(leases.stolen), format_count(leases.given_away),
      format_count(leases.lost));
}

std::string to_json(const SharedJobSummary& summary) {
  const auto& status = summary.status;
  const auto& leases = status.leases;
  return fmt::format(
      R"({{"table":{},"segments":{},"segments_done":{},"complete":{},"was_complete":{},"finished_here":{},"taken":{},)"
      R"("stolen":{},"given_away":{},"lost":{},"renewed":{},"conflicts":{}}})",
      json_quoted(summary.table), status.segments, status.done, status.complete(), summary.was_complete,
      status.finished_here, leases.taken, leases.stolen, leases.given_away, leases.lost, leases.renewed,
      leases.conflicts);
}

std::string to_json(const std::optional<SharedJobSummary>& summary) { return summary ? to_json(*summary) : "null"; }

}  // namespace dynamirror::app
