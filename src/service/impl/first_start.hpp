// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/task.hpp"
#include "pipeline/job_failure.hpp"
#include "service/impl/target.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::service {

/// A start without a checkpoint writes what the stream holds, from its oldest change on: a target that was in step goes
/// back to states of up to 24 hours ago, and is in step again only when everything is applied. As nobody wants that by
/// mistake (the state file was lost, or a second process has one of its own), such a start on a target that holds items
/// needs the user's word.
struct FirstStart {
  state::CheckpointStore& store;
  bool meant = false;    ///< the user has said so
  bool dry_run = false;  ///< only a warning then
};

/// Errors: kState for a target that holds items; what keeps from looking, but for a denied look: then the table's own
/// count, which is hours old, must do. REQUIRES: what is referred to outlives the task.
[[nodiscard]] async::Task<jobs::JobResult<void>> check_first_start(FirstStart start, Target& target,
                                                                   const Target::Fit& fit);

}  // namespace dynamirror::service
