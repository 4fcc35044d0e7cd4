// SPDX-License-Identifier: Apache-2.0
#include "app/session/shared_job.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace dynamirror::app {

std::string to_text(const service::SharedJobSummary& summary) {
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

std::string to_json(const service::SharedJobSummary& summary) {
  const auto& status = summary.status;
  const auto& leases = status.leases;
  return fmt::format(
      R"({{"table":{},"segments":{},"segments_done":{},"complete":{},"was_complete":{},"finished_here":{},"taken":{},)"
      R"("stolen":{},"given_away":{},"lost":{},"renewed":{},"conflicts":{}}})",
      json_quoted(summary.table), status.segments, status.done, status.complete(), summary.was_complete,
      status.finished_here, leases.taken, leases.stolen, leases.given_away, leases.lost, leases.renewed,
      leases.conflicts);
}

std::string to_json(const std::optional<service::SharedJobSummary>& summary) {
  return summary ? to_json(*summary) : "null";
}

}  // namespace dynamirror::app
