// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "jobs/diff/diff_tables.hpp"
#include "service/lease_options.hpp"

namespace dynamirror::app {

/// `dynamirror diff-tables PRIMARY REPLICA`
struct DiffTablesCommand {
  std::string primary;
  std::string replica;
  aws::SideOptions primary_side;
  aws::SideOptions replica_side;
  bool repair = false;
  bool dry_run = false;
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;  ///< 0: not said
  std::string temp_folder;     ///< empty: the system's
  jobs::DiffOptions job;
  service::LeaseOptions leases;
  std::uint32_t lease_segments = 64;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// `dynamirror diff-record PRIMARY REPLICA KEY`, `dynamirror replicate-record PRIMARY REPLICA KEY`
struct RecordPairCommand {
  std::string primary;
  std::string replica;
  std::string key;
  aws::SideOptions primary_side;
  aws::SideOptions replica_side;
  bool old_words = false;  ///< called by its old name: prints what scripts of the old tool read
  CommonOptions common;
};

/// Each runs its command: findings and summary on stdout, progress and failures on stderr. 0: equal, 1: different,
/// above: trouble.
[[nodiscard]] ExitCode run_diff_tables(const DiffTablesCommand& command);
[[nodiscard]] ExitCode run_diff_record(const RecordPairCommand& command);
[[nodiscard]] ExitCode run_replicate_record(const RecordPairCommand& command);

/// "1%", "0.5%" or "0.01", as a share of 1. Errors: class invalid.
[[nodiscard]] Result<double> parse_sample(std::string_view text);

}  // namespace dynamirror::app
