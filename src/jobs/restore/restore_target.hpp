// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "aws/dynamodb/table_description.hpp"
#include "base/random.hpp"
#include "pipeline/job_failure.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct RestoreTargetOptions {
  bool create = false;
  bool may_hold_items = false;
  bool dry_run = false;
};

/// The table to restore into: there (made from the saved settings if asked), active, of the same key as far as the
/// backup tells (otherwise items of one key would overwrite each other), and empty unless it may hold items. Errors say
/// what to do.
[[nodiscard]] async::Task<JobResult<aws::TableDescription>> prepare_restore_target(
    TableSide& target, std::optional<std::string> settings_json, RestoreTargetOptions options, Random& random);

}  // namespace dynamirror::jobs
