// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/options/exit_code.hpp"
#include "base/log.hpp"
#include "service/replication_options.hpp"

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

/// `dynamirror replicate SOURCE TARGET`, `dynamirror incremental-backup TABLE S3URL`
struct ReplicateCommand {
  service::ReplicationOptions replication;
  std::optional<std::uint16_t> http_port{};  ///< where the process says how it is; nothing: nowhere
  CommonOptions common;
};

/// `dynamirror sync TABLE TABLE [TABLE …]`
struct SyncCommand {
  std::vector<std::string> tables;
  std::string preferred{};             ///< of adopted items that differ this table's win
  std::string state_dir{};             ///< where each flow has its state file; empty: the default of each
  service::ReplicationOptions flow{};  ///< what all flows have in common
  CommonOptions common;
};

/// `dynamirror dead-letters replay FILE TARGET`
struct ReplayCommand {
  std::string file;  ///< or where functions leave their letters: an address of objects, or a queue
  objects::StoreOptions store{};
  std::string target;
  aws::SideOptions target_side;
  bool other_target = false;
  std::optional<double> max_write_units;
  std::string primary{};  ///< where the items of key-only letters are; empty: there are none such
  aws::SideOptions primary_side{};
  CommonOptions common;
};

/// Runs the command that the user named, and returns its exit code.
using Run = std::function<ExitCode()>;

/// Nothing to run: help or version was printed, or the command line was wrong (said on stderr in one line).
struct NothingToRun {
  int exit_code = 0;
};

[[nodiscard]] std::expected<Run, NothingToRun> parse_command_line(int argc, char** argv);

}  // namespace dynamirror::app
