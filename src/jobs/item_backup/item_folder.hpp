// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/key.hpp"
#include "objects/object_store.hpp"
#include "tables/table_side.hpp"

// The folder of one table in an incremental backup, `<table>/`, and the description of the table that belongs to it.

namespace dynamirror::jobs {

/// The name under which the items of a table stand: `table`, or `/table` where nothing is under the former. mapbox's
/// tools put a slash between the parts of a name whatever they are given, so that an address with a slash at its end,
/// and a function without BackupPrefix, have led to `prefix//table/ID`. Where the bucket may not be listed it is
/// `table`. Errors: those of the store.
[[nodiscard]] async::Task<Result<std::string>> find_item_folder(objects::ObjectStore& store, std::string table);

/// Writes what a restore makes the table from. `folder`: as found above. It stands where no listing by the name of a
/// table, with or without a slash, meets it: `@tables/<table>/settings.table.json`.
/// Errors: those of DescribeTable and of the store.
[[nodiscard]] async::Task<Status> save_item_settings(TableSide& table, objects::ObjectStore& store, std::string folder);

/// That text, also from `<folder>.table.json`, where it was written formerly; nothing when there is none.
[[nodiscard]] async::Task<Result<std::optional<std::string>>> read_item_settings(objects::ObjectStore& store,
                                                                                 std::string folder);

/// Whether an object of this name is the description of a table, in either place, and so no item.
[[nodiscard]] bool is_item_settings(std::string_view name);

/// The key of a table that may be gone: from its saved description, or from the first objects of its folder; then which
/// of two attributes is the hash attribute stays open. Nothing when neither tells. Errors: those of the store.
[[nodiscard]] async::Task<Result<std::optional<model::KeySchema>>> find_item_key(objects::ObjectStore& store,
                                                                                 std::string folder);

}  // namespace dynamirror::jobs
