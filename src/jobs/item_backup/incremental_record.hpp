// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "objects/object_store.hpp"
#include "sink/item_objects.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

/// One record in the table and in its incremental backup.
struct RecordPair {
  std::optional<std::string> table;   ///< the item; nothing: not there
  std::optional<std::string> backup;  ///< the object's; likewise
  [[nodiscard]] bool equal() const;   ///< by value, whatever the spelling
};

/// The object of an item, under whichever of its names it stands, the newer where it stands under both; nothing when it
/// stands under none.
[[nodiscard]] async::Task<Result<std::optional<std::string>>> read_item_object(objects::ObjectStore& store,
                                                                               sink::ItemObject object);

/// Reads both, the table consistently. `key`: canonical.
[[nodiscard]] async::Task<Result<RecordPair>> compare_record(TableSide& table, objects::ObjectStore& store,
                                                             sink::ItemObject object, std::string key);

struct ObjectUpdate {
  std::optional<std::string> item;  ///< what the table held last; nothing: no such item
  int corrections = 0;              ///< how often the object had to follow a change made meanwhile
  double consumed_read_units = 0;
};

/// Writes the object of an item that was read a while ago (removes it when there is none). With `recheck` the table is
/// then read again, consistently, and the object follows until both agree: what an incremental backup has stored
/// meanwhile is neither undone nor, if it was a deletion, resurrected.
[[nodiscard]] async::Task<Result<ObjectUpdate>> write_item_object(TableSide& table, objects::ObjectStore& store,
                                                                  sink::ItemObject object, std::string key,
                                                                  std::optional<std::string> item, bool recheck);

}  // namespace dynamirror::jobs
