// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "objects/object_store.hpp"
#include "pipeline/job_failure.hpp"
#include "sink/item_objects.hpp"

namespace dynamirror::jobs {

/// One state of a record: from `since` until the next newer one.
struct RecordState {
  WallTime since{};
  std::string version_id;
  std::optional<std::string> item;  ///< wire-form JSON; nothing: the record was deleted
  /// Why the item cannot be shown although there was one, e.g. archived to Glacier; empty otherwise.
  std::string unreadable{};
};

/// Every state of one record that the versions of its objects hold, newest first. Objects under both names that the old
/// tools used count as one history, in which a record's move from the one to the other is no deletion.
/// Errors: those of the store. A record that never was gives an empty history.
[[nodiscard]] async::Task<Result<std::vector<RecordState>>> record_history(objects::ObjectStore& store,
                                                                           sink::ItemObject object);

/// The state that a history had at a moment; null when the record was not there yet. An unreadable state is returned,
/// too: what it means is the caller's to decide.
[[nodiscard]] const RecordState* state_at(const std::vector<RecordState>& history, WallTime moment);

}  // namespace dynamirror::jobs
