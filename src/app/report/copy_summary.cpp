// SPDX-License-Identifier: Apache-2.0
#include "app/report/copy_summary.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace dynamirror::app {

std::string to_text(const CopySummary& summary) {
  const auto& counters = summary.status.counters;
  const auto& scan = summary.status.scan;
  const double seconds = static_cast<double>(summary.duration.count()) / 1e3;
  const std::uint64_t items = counters.settled() - counters.released;
  return fmt::format(
      "{} -> {}: {} items in {} ({:.0f}/s){}\n"
      "  read {} = written {} + superseded {} + dead-lettered {}{} + in flight {}\n"
      "  {} of {} segments; {:.1f} read units, {:.1f} write units consumed, {} requests; {} throttled reads, "
      "{} retried writes\n"
      "{}",
      summary.source, summary.target, format_count(items), format_duration(summary.duration),
      seconds > 0 ? static_cast<double>(items) / seconds : 0.0,
      summary.status.resumed ? ", resumed: what was copied before is not counted" : "", format_count(counters.read),
      format_count(counters.applied), format_count(counters.superseded), format_count(counters.dead_lettered),
      summary.shared ? " + released " + format_count(counters.released) : "", format_count(counters.held()),
      scan.segments_done, scan.segments, scan.consumed_units, summary.consumed_write_units,
      format_count(summary.requests), format_count(scan.throttled), format_count(summary.status.retries),
      summary.shared ? to_text(*summary.shared) : "");
}

std::string to_json(const CopySummary& summary) {
  const auto& counters = summary.status.counters;
  const auto& scan = summary.status.scan;
  return fmt::format(
      R"({{"source":{},"target":{},"dry_run":{},"resumed":{},"read":{},"written":{},"superseded":{},"dead_lettered":{},)"
      R"("dead_letter_keys":{},"released":{},"in_flight":{},"segments":{},"segments_done":{},"consumed_read_units":{:.1f},"consumed_write_units":{:.1f},)"
      R"("requests":{},"throttled_reads":{},"retries":{},"leases":{},"duration_seconds":{:.3f},"exit_code":{},"error":{}}})"
      "\n",
      json_quoted(summary.source), json_quoted(summary.target), summary.dry_run, summary.status.resumed, counters.read,
      counters.applied, counters.superseded, counters.dead_lettered, summary.dead_letter_keys, counters.released,
      counters.held(), scan.segments, scan.segments_done, scan.consumed_units, summary.consumed_write_units,
      summary.requests, scan.throttled, summary.status.retries, to_json(summary.shared),
      static_cast<double>(summary.duration.count()) / 1e3, static_cast<int>(summary.exit_code),
      summary.error.empty() ? "null" : json_quoted(summary.error));
}

}  // namespace dynamirror::app
