// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sqlite/sqlite.hpp"
#include "state/spool_store.hpp"

namespace dynamirror::state {

// The spooled changes in a state file; what each does, see SpoolStore.
[[nodiscard]] sqlite::Answer<> write_changes(const sqlite::Database& database,
                                             std::span<const model::Change* const> changes);
[[nodiscard]] sqlite::Answer<std::vector<SpooledChange>> read_changes(const sqlite::Database& database,
                                                                      std::int64_t after_row, std::size_t most,
                                                                      std::size_t max_bytes);
[[nodiscard]] sqlite::Answer<> erase_changes(const sqlite::Database& database, std::int64_t to_row);

}  // namespace dynamirror::state
