// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "objects/object_store.hpp"
#include "sink/item_objects.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

/// One record as it is and as it is to be.
struct RecordRestore {
  std::string key;                    ///< canonical
  std::optional<std::string> now;     ///< in the table; nothing: not there
  std::optional<std::string> wanted;  ///< likewise
  WallTime since{};                   ///< when the wanted state began
  [[nodiscard]] bool nothing_to_do() const;
};

/// Finds the state that a record had at a moment, and what the table holds now.
/// Errors: class not found when the backup knows nothing of the record at that moment.
[[nodiscard]] async::Task<Result<RecordRestore>> plan_record_restore(TableSide& target, objects::ObjectStore& store,
                                                                     sink::ItemObjects& names, std::string key,
                                                                     WallTime moment);

/// For people: both states and the attributes in which they differ.
[[nodiscard]] std::string describe(const RecordRestore& plan);

/// Writes the wanted state, or deletes the record; patient with throttling. Errors: class conflict, with nothing
/// written, when the table does not hold any more what the plan says, and the user has seen.
[[nodiscard]] async::Task<Status> apply_record_restore(TableSide& target, const model::KeySchema& key,
                                                       const RecordRestore& plan, const Clock& clock, Random& random);

}  // namespace dynamirror::jobs
