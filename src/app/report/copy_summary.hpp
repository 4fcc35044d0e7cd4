// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "app/options/exit_code.hpp"
#include "app/session/shared_job.hpp"
#include "jobs/copy/copy_table.hpp"

namespace dynamirror::app {

/// What one run of a copy came to.
struct CopySummary {
  std::string source;
  std::string target;
  jobs::CopyStatus status;
  std::chrono::milliseconds duration{0};
  double consumed_write_units = 0;
  std::uint64_t requests = 0;  ///< HTTP requests to both sides and the lease table, retries included
  std::optional<service::SharedJobSummary> shared{};  ///< with leases: what all workers have come to
  std::size_t dead_letter_keys = 0;                   ///< that the target lacks, also from earlier runs
  bool dry_run = false;
  ExitCode exit_code = ExitCode::kOk;
  std::string error;  ///< one line; empty after success
};

/// For people. The counters add up: read = written + superseded + dead-lettered + in flight (+ released, with leases).
[[nodiscard]] std::string to_text(const CopySummary& summary);

/// For programs: one JSON object on one line; its members are a documented contract (docs/copy.md).
[[nodiscard]] std::string to_json(const CopySummary& summary);

}  // namespace dynamirror::app
