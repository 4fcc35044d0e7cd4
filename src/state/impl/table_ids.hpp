// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "sqlite/sqlite.hpp"
#include "state/local_store.hpp"

namespace dynamirror::state {

/// Errors: class conflict when the file remembers work on a table that was deleted since: the one that now has its name
/// holds nothing of what was done. Reads only. REQUIRES: a file of the present format.
[[nodiscard]] Status check_table_ids(const sqlite::Database& database, const std::filesystem::path& file,
                                     const ReplicationIdentity& identity);

/// Makes the file remember the ids that are known now, for the next start.
[[nodiscard]] sqlite::Answer<> keep_table_ids(const sqlite::Database& database, const ReplicationIdentity& identity);

}  // namespace dynamirror::state
