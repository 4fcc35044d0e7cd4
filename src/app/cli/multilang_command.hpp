// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "jobs/multilang/multilang_shard.hpp"

namespace dynamirror::app {

/// `dynamirror multilang TARGET [--primary TABLE]`
struct MultiLangCommand {
  std::string target;
  aws::SideOptions target_side;
  std::string primary;  ///< where the items are that a Kinesis stream tells of; empty: a stream of DynamoDB's
  aws::SideOptions primary_side;
  std::optional<double> max_read_units;
  std::string dead_letter_dir;  ///< empty: a change that the target refuses ends the process
  std::optional<double> max_write_units;
  jobs::MultiLangShard::Options job;
  CommonOptions common;
};

/// Applies one shard under KCL's MultiLangDaemon. Prints nothing but the protocol on stdout.
[[nodiscard]] ExitCode run_multilang(const MultiLangCommand& command);

}  // namespace dynamirror::app
