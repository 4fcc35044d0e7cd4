// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/options/command_line.hpp"
#include "app/session/shared_job.hpp"
#include "async/stop_request.hpp"
#include "jobs/diff/diff_tables.hpp"

namespace dynamirror::app {

/// Writes what a comparison finds to stdout, one line each, as it is found. Text has the words of the tools we take
/// over from: `[missing] KEY`, `[extraneous] KEY`, `[different] KEY attribute,attribute`; JSON is one object a line.
/// Both are documented contracts (docs/diff.md).
class DiffPrinter final : public jobs::DiffReport {
 public:
  /// Requests a stop when nobody gets the lines any more.
  DiffPrinter(OutputFormat format, bool dry_run, jobs::StopRequest& stop)
      : format_(format), dry_run_(dry_run), stop_(stop) {}
  void found(const jobs::DiffFinding& finding) override;
  void changing(const std::string& key_json) override;
  void repaired(const std::string& key_json, jobs::RepairOutcome outcome) override;

 private:
  /// At once: what a killed process has found in a segment that it has finished, nobody finds again.
  void print_line(const std::string& line);

  OutputFormat format_;
  bool dry_run_;
  jobs::StopRequest& stop_;
};

/// What a comparison came to.
struct DiffSummary {
  std::string primary;
  std::string replica;
  jobs::DiffTotals totals;
  std::uint64_t requests = 0;  ///< HTTP requests, both sides, retries included
  bool repair = false;
  std::optional<SharedJobSummary> shared{};  ///< with leases: what all workers have come to
  jobs::ExitCode exit_code = jobs::ExitCode::kOk;
  std::string error{};  ///< one line; empty after success
};

[[nodiscard]] std::string to_text(const DiffSummary& summary);
[[nodiscard]] std::string to_json(const DiffSummary& summary);

/// " name,name" for the end of a line of text; empty without names.
[[nodiscard]] std::string attributes_text(const std::vector<std::string>& names);

[[nodiscard]] std::string_view to_string(jobs::RepairOutcome outcome);

}  // namespace dynamirror::app
