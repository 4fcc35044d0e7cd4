// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "jobs/fleet/lease_report.hpp"

namespace dynamirror::app {

/// What `dynamirror leases list` says.
struct LeaseListing {
  std::string table;
  jobs::LeaseReport report;
  std::optional<std::chrono::milliseconds> watched{};  ///< between two looks; nothing: looked once
  std::optional<double> read_units{};                  ///< consumed; nothing: of a file
};

/// "1 lease", "2,000 leases".
[[nodiscard]] std::string leases_text(std::size_t count);

/// For people: one line for each lease, and a summary.
[[nodiscard]] std::string to_text(const LeaseListing& listing);

/// For programs: one JSON object on one line; its members are a documented contract (docs/leases.md).
[[nodiscard]] std::string to_json(const LeaseListing& listing);

}  // namespace dynamirror::app
