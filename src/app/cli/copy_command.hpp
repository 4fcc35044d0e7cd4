// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/options/command_line.hpp"
#include "app/options/exit_code.hpp"
#include "service/lease_options.hpp"

namespace dynamirror::app {

/// `dynamirror copy-table SOURCE TARGET`
struct CopyCommand {
  std::string source;
  std::string target;
  aws::SideOptions source_side;
  aws::SideOptions target_side;
  std::uint32_t segment = 0;
  std::uint32_t segments = 0;  ///< 0: not said; see app/work_share.hpp
  std::uint32_t split = 16;
  bool consistent = false;
  bool create_target = false;
  bool overwrite = false;
  bool dry_run = false;
  bool prepare_only = false;  ///< makes and checks the target: the step before several processes share the copy
  bool stop_on_error = false;
  std::optional<double> max_read_units;
  std::optional<double> max_write_units;
  std::size_t max_concurrent_writes = 64;
  std::string state_file;        ///< empty: the default path
  std::string dead_letter_file;  ///< empty: beside the state file
  service::LeaseOptions leases;
  std::uint32_t lease_segments = 64;
  CommonOptions common;
};

[[nodiscard]] ExitCode run_copy(const CopyCommand& command);

}  // namespace dynamirror::app
