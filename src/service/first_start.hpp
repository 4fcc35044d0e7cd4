// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "aws/dynamodb/table_description.hpp"
#include "base/random.hpp"
#include "objects/object_store.hpp"
#include "pipeline/job_failure.hpp"
#include "state/checkpoint_store.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::service {

/// A start without a checkpoint writes what the stream holds, from its oldest change on: a target that was in step goes
/// back to states of up to 24 hours ago, and is in step again only when everything is applied. As nobody wants that by
/// mistake (the state file was lost, or a second process has one of its own), such a start on a target that holds items
/// needs the user's word.
struct FirstStart {
  state::CheckpointStore& store;
  bool meant = false;    ///< the user has said so
  bool dry_run = false;  ///< only a warning then
  std::string target;    ///< for messages
  std::string remedy;    ///< what the user can say
};

/// Errors: exit code kState for a target that holds items; what keeps from looking, but for a denied look: then the
/// table's own count, which is hours old, must do. REQUIRES: what is referred to outlives the task.
[[nodiscard]] async::Task<jobs::JobResult<void>> check_first_start(FirstStart start, jobs::TableSide& target,
                                                                   const aws::TableDescription& description,
                                                                   Random& random);

/// The same for objects of one table, whose keys begin with `prefix`.
[[nodiscard]] async::Task<jobs::JobResult<void>> check_first_start(FirstStart start, objects::ObjectStore& target,
                                                                   std::string prefix);

}  // namespace dynamirror::service
