// SPDX-License-Identifier: Apache-2.0
#include "app/report/diff_report.hpp"

#include <fmt/format.h>

#include "app/options/outcome.hpp"
#include "base/console.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace dynamirror::app {
namespace {

using jobs::DiffKind;
using jobs::RepairOutcome;

/// A line of JSON about one key: `{"<member>":"<value>","key":{…}`, not yet closed.
std::string begin_line(std::string_view member, std::string_view value, const std::string& key_json) {
  return fmt::format(R"({{"{}":"{}","key":{})", member, value, key_json);
}

std::string in_json(const std::vector<std::string>& names) {
  std::string text;
  json::Writer json(text);
  json.begin_array();
  for (const std::string& name : names) json.string(name);
  json.end_array();
  return text;
}

}  // namespace

std::string attributes_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? " " : ",") + printable(name);
  return text;
}

std::string_view to_string(RepairOutcome outcome) {
  switch (outcome) {
    case RepairOutcome::kEqual:
      return "equal";
    case RepairOutcome::kPut:
      return "put";
    case RepairOutcome::kDeleted:
      return "deleted";
    case RepairOutcome::kChanging:
      return "changing";
    case RepairOutcome::kRefused:
      return "refused";
  }
  return "";
}

std::string finding_text(std::string_view kind, const std::string& key_json, const std::vector<std::string>& attributes,
                         bool old_words) {
  const std::string text = fmt::format("[{}] {}", kind, key_json);
  if (attributes.empty()) return text;
  return text + (old_words ? "\n  differs in" : "") + attributes_text(attributes);
}

void DiffPrinter::print_line(const std::string& line) {
  print(line + "\n");
  if (console::output_error() != 0) stop_.request();
}

void DiffPrinter::found(const jobs::DiffFinding& finding) {
  const std::string_view wanted = finding.kind == DiffKind::kExtraneous ? "delete" : "put";
  if (options_.format == OutputFormat::kText) {
    print_line(finding_text(jobs::to_string(finding.kind), finding.key_json, finding.attributes, options_.old_words));
    if (options_.dry_run) print_line(fmt::format("[would {}] {}", wanted, finding.key_json));
    return;
  }
  std::string line = begin_line("difference", jobs::to_string(finding.kind), finding.key_json);
  if (finding.kind == DiffKind::kDifferent) line += ",\"attributes\":" + in_json(finding.attributes);
  if (options_.dry_run) line += fmt::format(R"(,"would":"{}")", wanted);
  print_line(line + "}");
}

void DiffPrinter::changing(const std::string& key_json) {
  print_line(options_.format == OutputFormat::kText ? "[changing] " + key_json
                                                    : begin_line("difference", "changing", key_json) + "}");
}

void DiffPrinter::repaired(const std::string& key_json, RepairOutcome outcome) {
  if (options_.format == OutputFormat::kJson) {
    print_line(begin_line("repair", to_string(outcome), key_json) + "}");
  } else if (options_.old_words && options_.backfill && outcome == RepairOutcome::kPut) {
    print_line("[backfill] " + key_json);
  } else if (outcome == RepairOutcome::kChanging || outcome == RepairOutcome::kRefused) {
    print_line("[unrepaired] " + key_json);
  }
}

std::string to_text(const DiffSummary& summary) {
  const jobs::DiffTotals& totals = summary.totals;
  std::string text;
  if (summary.repair) {
    text += fmt::format("[repaired] {} put, {} deleted, {} unrepaired, {:.1f} write units\n", totals.put,
                        totals.deleted, totals.unrepaired, totals.write_units);
  }
  text += fmt::format("[items] {} primary, {} replica, {} read again, {} changing\n", totals.primary_items,
                      totals.replica_items, totals.suspects, totals.changing);
  text += fmt::format("[units] {:.1f} read of primary, {:.1f} read of replica; {} requests\n",
                      totals.primary_read_units, totals.replica_read_units, summary.requests);
  if (summary.shared) text += to_text(*summary.shared);
  return text + fmt::format("[discrepancies] {}\n", totals.discrepancies());
}

std::string to_json(const DiffSummary& summary) {
  const jobs::DiffTotals& totals = summary.totals;
  return fmt::format(
      R"({{"primary":{},"replica":{},"primary_items":{},"replica_items":{},"suspects":{},"discrepancies":{},)"
      R"("missing":{},"extraneous":{},"different":{},"changing":{},"put":{},"deleted":{},"unrepaired":{},)"
      R"("primary_read_units":{},"replica_read_units":{},"write_units":{},"requests":{},"throttled":{},"spilled_bytes":{},)"
      R"("leases":{},"exit_code":{},"error":{}}})"
      "\n",
      json_quoted(summary.primary), json_quoted(summary.replica), totals.primary_items, totals.replica_items,
      totals.suspects, totals.discrepancies(), totals.missing, totals.extraneous, totals.different, totals.changing,
      totals.put, totals.deleted, totals.unrepaired, totals.primary_read_units, totals.replica_read_units,
      totals.write_units, summary.requests, totals.throttled, totals.spilled_bytes, to_json(summary.shared),
      static_cast<int>(summary.exit_code), summary.error.empty() ? "null" : json_quoted(summary.error));
}

}  // namespace dynamirror::app
