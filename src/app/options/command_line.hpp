// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "app/options/lease_options.hpp"
#include "base/log.hpp"
#include "jobs/prepare/preflight.hpp"
#include "jobs/replication/replicate.hpp"
#include "pipeline/exit_code.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::app {

enum class OutputFormat { kText, kJson };

/// What every command takes.
struct CommonOptions {
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
  OutputFormat output = OutputFormat::kText;
  bool allow_insecure = false;
  std::size_t max_connections = 64;  ///< to one endpoint
};

/// What becomes of a change that the target refuses.
enum class OnError { kDeadLetter, kStop };

/// `dynamirror replicate SOURCE TARGET`
struct ReplicateCommand {
  std::string source;
  std::string target;
  aws::SideOptions source_side;
  aws::SideOptions target_side;
  jobs::PreflightOptions preflight;
  jobs::ReplicateOptions job;
  OnError on_error = OnError::kDeadLetter;
  std::string state_file;        ///< empty: the default path
  std::string dead_letter_file;  ///< empty: beside the state file
  std::optional<double> max_write_units;
  bool initial_load = false;
  bool overwrite = false;                  ///< begin although the target holds items
  bool start_given = false;                ///< `job.start` is what the user wrote
  std::string spool;                       ///< folder of the spool; empty: none
  std::optional<double> max_read_units{};  ///< of the load, and of reads by key
  LeaseOptions leases;
  /// awslabs' flags name endpoints beside regions; empty: the addresses say all.
  std::string source_region{};
  std::string target_region{};
  bool cloudwatch = true;  ///< with leases: metrics under the names of KCL and awslabs' tool
  CommonOptions common;
};

/// `dynamirror dead-letters replay FILE TARGET`
struct ReplayCommand {
  std::string file;
  std::string target;
  aws::SideOptions target_side;
  bool other_target = false;
  std::optional<double> max_write_units;
  std::string primary{};  ///< where the items of key-only letters are; empty: there are none such
  aws::SideOptions primary_side{};
  CommonOptions common;
};

/// Runs the command that the user named, and returns its exit code.
using Run = std::function<jobs::ExitCode()>;

/// Nothing to run: help or version was printed, or the command line was wrong (said on stderr in one line).
struct NothingToRun {
  int exit_code = 0;
};

[[nodiscard]] std::expected<Run, NothingToRun> parse_command_line(int argc, char** argv);

}  // namespace dynamirror::app
