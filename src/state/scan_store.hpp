// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace dynamirror::state {

/// How far one segment of a scan is safe.
struct ScanSegment {
  std::uint32_t segment = 0;
  std::string after_key_json{};  ///< LastEvaluatedKey; empty: from the start
  bool done = false;
  friend bool operator==(const ScanSegment&, const ScanSegment&) = default;
};

/// A job that reads a table (or one share of it) by segments, and how far it is.
struct ScanJob {
  std::string purpose;  ///< which job it is: "copy", "initial load"
  std::string phase;    ///< the job's own word for where it stands
  std::uint32_t share = 0;
  std::uint32_t shares = 1;
  std::uint32_t split = 1;
  WallTime begun{};                     ///< to the second
  std::vector<ScanSegment> segments{};  ///< by number
  std::string spool{};                  ///< id of the spool that the changes meanwhile go to; empty: none so far
  friend bool operator==(const ScanJob&, const ScanJob&) = default;
};

/// Remembers, durably, the one scan of a state file. What it has answered "ok" to survives SIGKILL and a power cut.
/// Not thread-safe.
class ScanStore {
 public:
  virtual ~ScanStore() = default;

  /// Nothing when no job was saved, or it was removed.
  [[nodiscard]] virtual Result<std::optional<ScanJob>> load_scan() = 0;
  /// Replaces the job with all its segments, all or nothing.
  [[nodiscard]] virtual Status save_scan(const ScanJob& job) = 0;
  /// Moves segments of the saved job, all or none.
  [[nodiscard]] virtual Status save_segments(std::span<const ScanSegment> segments) = 0;
  [[nodiscard]] virtual Status set_scan_phase(std::string_view phase) = 0;
  [[nodiscard]] virtual Status set_scan_spool(std::string_view id) = 0;
  [[nodiscard]] virtual Status remove_scan() = 0;
};

}  // namespace dynamirror::state
