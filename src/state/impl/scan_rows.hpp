// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sqlite/sqlite.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::state {

// The rows of a scan in a state file; what each does, see ScanStore.
[[nodiscard]] sqlite::Answer<std::optional<ScanJob>> read_scan(const sqlite::Database& database);
[[nodiscard]] sqlite::Answer<> write_scan(const sqlite::Database& database, const ScanJob& job);
[[nodiscard]] sqlite::Answer<> write_segments(const sqlite::Database& database, std::span<const ScanSegment> segments);
[[nodiscard]] sqlite::Answer<> write_phase(const sqlite::Database& database, std::string_view phase);
[[nodiscard]] sqlite::Answer<> erase_scan(const sqlite::Database& database);

}  // namespace dynamirror::state
