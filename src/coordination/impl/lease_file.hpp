// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"
#include "json/reader.hpp"
#include "sqlite/sqlite.hpp"

namespace dynamirror::coordination {

/// The database file behind SqliteLeaseStore. Each call is one transaction and waits for another process's lock no
/// longer than a moment: then it fails with SQLITE_BUSY and has changed nothing. Not thread-safe.
class LeaseFile {
 public:
  /// Errors: as `SqliteLeaseStore::open`.
  [[nodiscard]] static Result<LeaseFile> open(const std::filesystem::path& file, const std::string& job);

  [[nodiscard]] sqlite::Answer<std::vector<Lease>> scan(LeaseShare share);
  [[nodiscard]] sqlite::Answer<std::optional<Lease>> find(const std::string& key);
  /// False when the condition does not hold. What a crash of this machine may undo is told at `set_durable`.
  [[nodiscard]] sqlite::Answer<bool> write(const LeaseWrite& write);

 private:
  LeaseFile(sqlite::Database database, sqlite::Statement all, sqlite::Statement single, sqlite::Statement upsert,
            sqlite::Statement erase)
      : database_(std::move(database)),
        all_(std::move(all)),
        single_(std::move(single)),
        upsert_(std::move(upsert)),
        erase_(std::move(erase)) {}

  [[nodiscard]] sqlite::Answer<Lease> lease_at(const sqlite::Statement& row);
  [[nodiscard]] sqlite::Answer<> set_durable(bool durable);
  [[nodiscard]] sqlite::Answer<> put(const Lease& lease);
  [[nodiscard]] sqlite::Answer<> remove(const std::string& key);

  sqlite::Database database_;  // declared first: its statements are finalized before it is closed
  sqlite::Statement all_;
  sqlite::Statement single_;
  sqlite::Statement upsert_;
  sqlite::Statement erase_;
  json::Reader reader_;
  std::optional<bool> durable_;
};

/// What a failure of the file means to the user.
[[nodiscard]] std::unexpected<Error> lease_file_failure(std::string doing, const std::filesystem::path& file,
                                                        const sqlite::Failure& failure);

/// Whether another process has the file locked this very moment.
[[nodiscard]] bool is_locked(const sqlite::Failure& failure);

}  // namespace dynamirror::coordination
