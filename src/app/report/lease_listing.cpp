// SPDX-License-Identifier: Apache-2.0
#include "app/report/lease_listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/printable.hpp"
#include "base/text.hpp"

namespace dynamirror::app {
namespace {

using jobs::LeaseLag;
using jobs::LeaseLine;
using jobs::LeaseState;

std::string state_text(const LeaseLine& line) {
  std::string text(jobs::to_string(line.state));
  if (line.state == LeaseState::kHandingOver) text += " to " + line.lease.owner;
  return text;
}

std::string lag_text(const std::optional<LeaseLag>& lag) {
  if (!lag) return "-";
  switch (lag->kind) {
    case LeaseLag::Kind::kBehind:
      return format_duration(lag->age);
    case LeaseLag::Kind::kCaughtUp:
      return "caught up";
    case LeaseLag::Kind::kTrimmed:
      return "older than the stream";
    case LeaseLag::Kind::kGone:
      return "shard is gone";
    case LeaseLag::Kind::kUnknown:
      return "unknown: " + lag->why;
  }
  return {};
}

const char* word_of(LeaseLag::Kind kind) {
  switch (kind) {
    case LeaseLag::Kind::kBehind:
      return "behind";
    case LeaseLag::Kind::kCaughtUp:
      return "caught up";
    case LeaseLag::Kind::kTrimmed:
      return "trimmed";
    case LeaseLag::Kind::kGone:
      return "gone";
    case LeaseLag::Kind::kUnknown:
      break;
  }
  return "unknown";
}

using Row = std::array<std::string, 7>;

Row row_of(const LeaseLine& line, bool watched) {
  return {printable(line.lease.key),
          line.worker().empty() ? "-" : printable(line.worker()),
          printable(line.lease.checkpoint),
          printable(state_text(line)),
          watched ? fmt::format("+{}{}", line.renewals, line.checkpoint_moved ? ", moved" : "") : "-",
          std::to_string(line.lease.owner_switches),
          printable(lag_text(line.lag))};
}

/// Columns as wide as their widest cell, the last one as it comes.
std::string table_text(const std::vector<Row>& rows, std::size_t columns) {
  std::vector<std::size_t> widths(columns, 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string summary_text(const LeaseListing& listing) {
  const jobs::LeaseReport& report = listing.report;
  std::vector<std::string> parts;
  for (const auto& [worker, leases] : report.workers) {
    parts.push_back(fmt::format("{} of {}", leases, printable(worker)));
  }
  if (report.unowned > 0) parts.push_back(fmt::format("{} unowned", report.unowned));
  parts.push_back(fmt::format("{} finished", report.finished));
  std::string text =
      fmt::format("{}: {}: {}", listing.table, leases_text(report.leases.size()), fmt::join(parts, ", "));
  if (report.foreign > 0) text += fmt::format("; rows that are no leases: {}", format_count(report.foreign));
  if (listing.watched) text += "; looked twice within " + format_duration(*listing.watched);
  if (listing.read_units) text += fmt::format("; {:.1f} read units consumed", *listing.read_units);
  return text + "\n";
}

std::string quoted_or_null(const std::string& text) { return text.empty() ? "null" : json_quoted(text); }

std::string json_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  quoted.reserve(texts.size());
  for (const std::string& text : texts) quoted.push_back(json_quoted(text));
  return fmt::format("[{}]", fmt::join(quoted, ","));
}

std::string json_of(const std::optional<LeaseLag>& lag) {
  if (!lag) return "null";
  const bool behind = lag->kind == LeaseLag::Kind::kBehind;
  return fmt::format(R"({{"state":{},"ms":{},"why":{}}})", json_quoted(word_of(lag->kind)),
                     behind ? std::to_string(lag->age.count()) : "null", quoted_or_null(lag->why));
}

std::string json_of(const LeaseLine& line, bool watched) {
  const auto& lease = line.lease;
  return fmt::format(
      R"({{"key":{},"owner":{},"checkpoint_owner":{},"state":{},"checkpoint":{},"counter":{},"renewals":{},)"
      R"("checkpoint_moved":{},"owner_switches":{},"parents":{},"children":{},"lag":{}}})",
      json_quoted(lease.key), quoted_or_null(lease.owner), quoted_or_null(lease.checkpoint_owner),
      json_quoted(jobs::to_string(line.state)), json_quoted(lease.checkpoint), lease.counter,
      watched ? std::to_string(line.renewals) : "null", watched ? (line.checkpoint_moved ? "true" : "false") : "null",
      lease.owner_switches, json_list(lease.parents), json_list(lease.children), json_of(line.lag));
}

}  // namespace

std::string leases_text(std::size_t count) { return format_count(count) + (count == 1 ? " lease" : " leases"); }

std::string to_text(const LeaseListing& listing) {
  const auto& leases = listing.report.leases;
  const bool with_lag = std::ranges::any_of(leases, [](const LeaseLine& line) { return line.lag.has_value(); });
  std::vector<Row> rows{{"LEASE", "OWNER", "CHECKPOINT", "STATE", "RENEWED", "SWITCHES", "BEHIND"}};
  for (const LeaseLine& line : leases) rows.push_back(row_of(line, listing.watched.has_value()));
  const std::size_t columns = rows.front().size() - (with_lag ? 0 : 1);
  return (leases.empty() ? "" : table_text(rows, columns)) + summary_text(listing);
}

std::string to_json(const LeaseListing& listing) {
  const jobs::LeaseReport& report = listing.report;
  std::vector<std::string> leases;
  for (const LeaseLine& line : report.leases) leases.push_back(json_of(line, listing.watched.has_value()));
  std::vector<std::string> workers;
  for (const auto& [worker, count] : report.workers)
    workers.push_back(json_quoted(worker) + ":" + std::to_string(count));
  return fmt::format(
      R"({{"table":{},"watched_ms":{},"leases":[{}],"workers":{{{}}},"unowned":{},"finished":{},"foreign_rows":{},)"
      R"("consumed_read_units":{}}})"
      "\n",
      json_quoted(listing.table), listing.watched ? std::to_string(listing.watched->count()) : "null",
      fmt::join(leases, ","), fmt::join(workers, ","), report.unowned, report.finished, report.foreign,
      listing.read_units ? fmt::format("{:.1f}", *listing.read_units) : "null");
}

}  // namespace dynamirror::app
