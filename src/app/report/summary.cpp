// SPDX-License-Identifier: Apache-2.0
#include "app/report/summary.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace dynamirror::app {

namespace {

std::string text_of(const jobs::InitialLoad::Progress& load) {
  const auto& counters = load.copy.counters;
  return fmt::format(
      "  initial load ({}): read {} = written {} + superseded {} + dead-lettered {} + in flight {}; {}\n", load.phase,
      format_count(counters.read), format_count(counters.applied), format_count(counters.superseded),
      format_count(counters.dead_lettered), format_count(counters.held()),
      fmt::format("{} changes spooled, {} keys drained, {:.1f} read units consumed", format_count(load.spooled),
                  format_count(load.drained), load.copy.scan.consumed_units));
}

std::string json_of(const jobs::InitialLoad::Progress& load) {
  const auto& counters = load.copy.counters;
  return fmt::format(
      R"({{"phase":{},"resumed":{},"read":{},"written":{},"superseded":{},"dead_lettered":{},"in_flight":{},)"
      R"("spooled":{},"drained":{},"consumed_read_units":{:.1f}}})",
      json_quoted(load.phase), load.copy.resumed, counters.read, counters.applied, counters.superseded,
      counters.dead_lettered, counters.held(), load.spooled, load.drained, load.copy.scan.consumed_units);
}

/// Only where shards can be another worker's.
std::string released_text(const ReplicateSummary& summary) {
  return summary.leases ? " + released " + format_count(summary.status.counters.released) : "";
}

std::string text_of(const coordination::LeaseWorker::Statistics& leases) {
  return fmt::format("  leases: {} taken ({} of them from workers with too many), {} given away, {} lost\n",
                     format_count(leases.taken), format_count(leases.stolen), format_count(leases.given_away),
                     format_count(leases.lost));
}

/// Of what was left to do at the end.
std::string lag_text(const ReplicateSummary& summary) {
  const auto& lag = summary.status.current_lag;
  return summary.status.caught_up || !lag ? "" : ", at the end " + format_duration(*lag);
}

std::string lag_json(const ReplicateSummary& summary) {
  const auto& lag = summary.status.current_lag;
  return lag ? std::to_string(lag->count()) : "null";
}

std::string item_reads_text(const ReplicateSummary& summary) {
  return summary.item_read_units
             ? fmt::format("  {:.1f} read units consumed by reading changed items\n", *summary.item_read_units)
             : "";
}

std::string item_reads_json(const ReplicateSummary& summary) {
  return summary.item_read_units ? fmt::format("{:.1f}", *summary.item_read_units) : "null";
}

std::string multi_master_text(const ReplicateSummary& summary) {
  return summary.multi_master ? "  versions: " + versions_line(*summary.multi_master) + "\n" : "";
}

std::string multi_master_json(const ReplicateSummary& summary) {
  if (!summary.multi_master) return "null";
  const auto& tables = *summary.multi_master;
  std::string conflicts;
  for (const auto& [kind, count] : tables.conflicts) {
    conflicts += fmt::format("{}{}:{}", conflicts.empty() ? "" : ",", json_quoted(kind), count);
  }
  return fmt::format(R"({{"stamped":{},"sent":{},"waited":{},"waiting":{},"conflicts":{{{}}}}})", tables.stamped,
                     tables.sent, tables.waited, tables.waiting, conflicts);
}

std::string letters_text(std::size_t keys) {
  return keys == 0
             ? ""
             : "  " + format_count(keys) + " keys have dead letters: the target does not have their newest state\n";
}

std::string json_of(const coordination::LeaseWorker::Statistics& leases) {
  return fmt::format(R"({{"taken":{},"stolen":{},"given_away":{},"lost":{},"renewed":{},"conflicts":{}}})",
                     leases.taken, leases.stolen, leases.given_away, leases.lost, leases.renewed, leases.conflicts);
}

/// Which rules have kept how many changes from the target; nothing when none has.
std::string rules_text(const jobs::ReplicateStatus& status) {
  std::string text;
  for (const auto& count : status.rules) {
    if (count.dropped > 0) text += fmt::format("  filtered by {}: {}\n", count.rule, format_count(count.dropped));
  }
  return text;
}

std::string rules_json(const jobs::ReplicateStatus& status) {
  std::string members;
  for (const auto& count : status.rules) {
    members += fmt::format("{}{}:{}", members.empty() ? "" : ",", json_quoted(count.rule), count.dropped);
  }
  return "{" + members + "}";
}

}  // namespace

std::string versions_line(const sink::VersionedTables::Statistics& tables) {
  std::uint64_t conflicts = 0;
  for (const auto& [kind, count] : tables.conflicts) conflicts += count;
  return fmt::format("{} stamped, {} sent, {} waiting, {} conflicts", format_count(tables.stamped),
                     format_count(tables.sent), format_count(tables.waiting), format_count(conflicts));
}

std::string to_text(const ReplicateSummary& summary) {
  const auto& counters = summary.status.counters;
  const double seconds = static_cast<double>(summary.duration.count()) / 1e3;
  return fmt::format(
      "{}{} -> {}: {} changes in {} ({:.0f}/s)\n"
      "  read {} = applied {} + superseded {} + filtered {} + dead-lettered {}{} + in flight {}\n"
      "{}  lag p50 {}, p99 {}{}; {} write units consumed, {} requests, {} retries\n"
      "{}{}{}{}{}",
      summary.dry_run ? "[dry run, nothing was written] " : "", summary.source, summary.target,
      format_count(counters.read), format_duration(summary.duration),
      seconds > 0 ? static_cast<double>(counters.settled()) / seconds : 0.0, format_count(counters.read),
      format_count(counters.applied), format_count(counters.superseded), format_count(counters.filtered),
      format_count(counters.dead_lettered), released_text(summary), format_count(counters.held()),
      rules_text(summary.status), format_duration(summary.status.lag.quantile(0.5)),
      format_duration(summary.status.lag.quantile(0.99)), lag_text(summary),
      format_count(static_cast<std::uint64_t>(summary.consumed_write_units)), format_count(summary.requests),
      format_count(summary.status.retries), item_reads_text(summary), multi_master_text(summary),
      letters_text(summary.dead_letter_keys), summary.load ? text_of(*summary.load) : "",
      summary.leases ? text_of(*summary.leases) : "");
}

std::string to_json(const ReplicateSummary& summary) {
  const auto& counters = summary.status.counters;
  return fmt::format(
      R"({{"source":{},"target":{},"dry_run":{},"read":{},"applied":{},"superseded":{},"filtered":{},"filtered_by":{},"dead_lettered":{},)"
      R"("dead_letter_keys":{},"released":{},"in_flight":{},"retries":{},"lag_p50_ms":{},"lag_p99_ms":{},"lag_ms":{},"consumed_write_units":{:.1f},"item_read_units":{},"requests":{},)"
      R"("initial_load":{},"leases":{},"multi_master":{},"caught_up":{},"duration_seconds":{:.3f},"exit_code":{},"error":{}}})"
      "\n",
      json_quoted(summary.source), json_quoted(summary.target), summary.dry_run, counters.read, counters.applied,
      counters.superseded, counters.filtered, rules_json(summary.status), counters.dead_lettered,
      summary.dead_letter_keys, counters.released, counters.held(), summary.status.retries,
      summary.status.lag.quantile(0.5).count(), summary.status.lag.quantile(0.99).count(), lag_json(summary),
      summary.consumed_write_units, item_reads_json(summary), summary.requests,
      summary.load ? json_of(*summary.load) : "null", summary.leases ? json_of(*summary.leases) : "null",
      multi_master_json(summary), summary.status.caught_up, static_cast<double>(summary.duration.count()) / 1e3,
      static_cast<int>(summary.exit_code), summary.error.empty() ? "null" : json_quoted(summary.error));
}

}  // namespace dynamirror::app
