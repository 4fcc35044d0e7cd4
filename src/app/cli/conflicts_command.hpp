// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "aws/credentials/make_credentials.hpp"

namespace dynamirror::app {

/// `dynamirror conflicts list|show|take TABLE [KEY]`, `dynamirror undelete TABLE KEY`
struct ConflictsCommand {
  std::string table;
  std::string key;    ///< list: empty for all keys
  std::string since;  ///< list: a moment; empty: all
  std::string loser;  ///< take: its version; empty: the only one
  bool dry_run = false;
  aws::SideOptions side;
  CommonOptions common;
};

[[nodiscard]] ExitCode run_conflicts_list(const ConflictsCommand& command);
[[nodiscard]] ExitCode run_conflicts_show(const ConflictsCommand& command);
[[nodiscard]] ExitCode run_conflicts_take(const ConflictsCommand& command);
[[nodiscard]] ExitCode run_undelete(const ConflictsCommand& command);

}  // namespace dynamirror::app
