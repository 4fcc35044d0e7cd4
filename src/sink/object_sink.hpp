// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "objects/object_store.hpp"
#include "sink/change_sink.hpp"
#include "sink/item_objects.hpp"

namespace dynamirror::sink {

/// Writes the object of an item, or removes it when there is none. An item that mapbox's tools wrote under its other
/// name (see ItemObjects) moves: the new name is written first, then the old one removed, so that no moment is without
/// it. Neither is begun after `not_after`.
[[nodiscard]] async::Task<Status> store_item(objects::ObjectStore& store, ItemObject object,
                                             std::optional<std::string> item, SteadyTime not_after = kNoDeadline);

/// Keeps one object for every item of a table: the incremental backup. A put writes the item's wire-form JSON, a delete
/// removes the object; with bucket versioning every state that an item has had stays readable.
/// Not thread-safe: lives on one event loop; several `write`s may be under way at once.
class ObjectSink final : public ChangeSink {
 public:
  /// REQUIRES: `store` outlives the sink.
  ObjectSink(ItemObjects names, objects::ObjectStore& store) : names_(std::move(names)), store_(store) {}

  [[nodiscard]] Limits limits() const override { return {.max_changes = 1, .max_bytes = 16u << 20}; }
  [[nodiscard]] async::Task<Result<std::vector<Outcome>>> write(std::span<const model::Change* const> changes,
                                                                SteadyTime not_after) override;
  [[nodiscard]] std::string describe() const override { return store_.describe(names_.prefix()); }

 private:
  ItemObjects names_;
  objects::ObjectStore& store_;
};

}  // namespace dynamirror::sink
