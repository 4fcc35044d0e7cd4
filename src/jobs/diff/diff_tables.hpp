// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "async/stop_request.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "jobs/diff/diff_finding.hpp"
#include "jobs/diff/diff_repair.hpp"
#include "pipeline/job_failure.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct DiffOptions {
  enum class Mode {
    kReport,  ///< differences are found and reported
    kDryRun,  ///< likewise, with what a repair would do
    kRepair,  ///< the replica is brought to the primary
  };

  Mode mode = Mode::kReport;
  bool backfill = false;           ///< with kRepair: only the primary is scanned, and its items brought to the replica
  std::uint32_t share = 0;         ///< `--segment` …
  std::uint32_t shares = 1;        ///< … of `--segments`
  std::optional<double> sample{};  ///< 0 … 1: this share of the table, chosen by chance
  std::uint64_t memory_bytes = 256u << 20;
  std::filesystem::path temp_folder{"/tmp"};
  std::chrono::milliseconds settle{2'000};
  std::vector<std::string> ignored{};       ///< attributes that do not count
  std::optional<double> max_read_units{};   ///< a second, of each table
  std::optional<double> max_write_units{};  ///< a second, of the replica
};

/// What a comparison came to, or has come to so far.
struct DiffTotals {
  std::uint64_t primary_items = 0;  ///< scanned
  std::uint64_t replica_items = 0;
  std::uint64_t suspects = 0;  ///< keys read again
  std::uint64_t missing = 0;
  std::uint64_t extraneous = 0;
  std::uint64_t different = 0;
  std::uint64_t changing = 0;    ///< keys that changed at every look: no difference, and not known to be equal
  std::uint64_t put = 0;         ///< by repair or backfill
  std::uint64_t deleted = 0;     ///< by repair
  std::uint64_t unrepaired = 0;  ///< keys that changed whenever a repair tried, or that the replica refuses
  double primary_read_units = 0;
  double replica_read_units = 0;
  double write_units = 0;
  std::uint64_t throttled = 0;
  std::uint64_t spilled_bytes = 0;

  [[nodiscard]] std::uint64_t discrepancies() const { return missing + extraneous + different; }
};

/// Hears of what is found, while the job goes on.
class DiffReport {
 public:
  virtual ~DiffReport() = default;
  virtual void found(const DiffFinding& finding) = 0;
  /// A key that nobody can call equal or different.
  virtual void changing(const std::string& key_json) = 0;
  /// What a repair of a finding came to.
  virtual void repaired(const std::string& key_json, RepairOutcome outcome) = 0;
};

/// The key that both tables have. Failures: kNotReady when one is not there or they have different keys, and those of
/// the services.
[[nodiscard]] async::Task<JobResult<model::KeySchema>> common_key(TableSide& primary, TableSide& replica);

/// What a comparison has found. kEqual also when it has made the tables equal.
enum class DiffVerdict { kEqual, kDifferent };

/// Compares two tables at the price of one scan each: both are read once, digests are joined by key, and only the keys
/// that look different are read again, until a difference is shown to last (DiffVerifier). Differences can be repaired.
///
/// Memory: `memory_bytes` for digests and keys, a page for each scan segment under way, and one batch of suspects.
/// Not thread-safe: lives on one event loop.
class DiffTables {
 public:
  struct Surroundings {
    const Clock& clock;
    Random& random;
    StopRequest& stop;
  };

  /// REQUIRES: what is referred to outlives the job.
  DiffTables(DiffOptions options, TableSide& primary, TableSide& replica, DiffReport& report, Surroundings around);
  ~DiffTables();

  /// kEqual: equal (or made equal); kDifferent: not. Failures: a table is not there or keyed otherwise (kNotReady), the
  /// folder for temporary files cannot be used (kState), a stop request (kStopped), and those of the services.
  [[nodiscard]] async::Task<JobResult<DiffVerdict>> run();

  /// So far; final when `run` has ended.
  [[nodiscard]] DiffTotals totals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::jobs
