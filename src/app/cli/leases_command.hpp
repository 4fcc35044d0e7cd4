// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "service/replication_options.hpp"

namespace dynamirror::app {

/// `dynamirror leases list|show|release|reset TABLE [KEY]`
struct LeasesCommand {
  std::string table;  ///< a name, an address, or "file:PATH"; empty with `source` and `target`
  std::string key;
  std::string source;  ///< with `target`: the table that awslabs' tool uses for these two
  std::string target;
  std::string task;
  std::string region;    ///< of a table that is only named
  std::string endpoint;  ///< the same
  aws::SideOptions lease_side;
  std::optional<std::chrono::milliseconds> failover;
  std::optional<std::chrono::milliseconds> watch_for;

  std::string stream_of;  ///< list: the table whose stream is read to tell the lag; empty: not told
  aws::SideOptions stream_side;
  service::ChangesOptions changes;  ///< list: the same of a stream of Kinesis

  std::string owner;                ///< release: all of this worker
  bool all = false;                 ///< release, reset
  std::string to = "trim-horizon";  ///< reset
  bool remove = false;              ///< reset: no new checkpoint, no row at all
  bool force = false;               ///< reset: also what a living worker owns
  bool dry_run = false;
  bool yes = false;
  CommonOptions common;
};

[[nodiscard]] ExitCode run_leases_list(const LeasesCommand& command);
[[nodiscard]] ExitCode run_leases_show(const LeasesCommand& command);
[[nodiscard]] ExitCode run_leases_release(const LeasesCommand& command);
[[nodiscard]] ExitCode run_leases_reset(const LeasesCommand& command);

}  // namespace dynamirror::app
