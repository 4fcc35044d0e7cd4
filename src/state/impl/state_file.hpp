// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "sqlite/sqlite.hpp"
#include "state/local_store.hpp"

namespace dynamirror::state {

/// Opens the database of a state file, makes it if there is none, and checks that it is whole, ours, of a format we
/// know and for this replication. A file that fails a check is left as it was. Durability: write-ahead log with one
/// fsync per commit, which is what "answered ok survives a power cut" costs at least. Errors: as `LocalStore::open`.
/// REQUIRES: the caller holds the file's lock and the folder exists.
[[nodiscard]] Result<sqlite::Database> open_state_file(const std::filesystem::path& file,
                                                       const ReplicationIdentity& identity);

/// What a failure while reading or writing the open file means to the user.
[[nodiscard]] std::unexpected<Error> state_failure(std::string doing, const std::filesystem::path& file,
                                                   const sqlite::Failure& failure);

}  // namespace dynamirror::state
