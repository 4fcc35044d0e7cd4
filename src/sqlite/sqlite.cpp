// SPDX-License-Identifier: Apache-2.0
#include "sqlite/sqlite.hpp"

#include <utility>

namespace dynamirror::sqlite {
namespace {

std::unexpected<Failure> last_failure(sqlite3* database) {
  return std::unexpected(Failure{sqlite3_extended_errcode(database), sqlite3_errmsg(database)});
}

}  // namespace

void Statement::bind(int parameter, std::string_view text) {
  // Cannot fail for a statement of ours but by lack of memory, which the following step then reports.
  sqlite3_bind_text(statement_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

Answer<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  auto failure = last_failure(database_);
  sqlite3_reset(statement_.get());
  return failure;
}

Answer<> Statement::run() {
  const auto row = step();
  if (!row) return std::unexpected(row.error());
  if (*row) sqlite3_reset(statement_.get());
  return {};
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

Answer<Database> Database::open(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  // One connection on one event loop: SQLite's own mutexes would only cost.
  const int code = sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle == nullptr) return std::unexpected(Failure{SQLITE_NOMEM, "out of memory"});
  Database database(handle);
  if (code != SQLITE_OK) return last_failure(handle);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Answer<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK) {
    return last_failure(handle_.get());
  }
  return Statement(handle_.get(), statement);
}

Answer<> Database::execute(const std::string& sql) const {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return last_failure(handle_.get());
  }
  return {};
}

Answer<std::string> Database::query_text(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(statement->text(0)) : std::string();
}

Answer<std::int64_t> Database::query_integer(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->integer(0) : 0;
}

Answer<Transaction> Transaction::begin(const Database& database) {
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return std::unexpected(begun.error());
  return Transaction(&database);
}

Transaction::~Transaction() {
  // A failed rollback changes nothing: what was not committed is dropped with the connection or the next recovery.
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Answer<> Transaction::commit() {
  if (auto committed = database_->execute("COMMIT"); !committed) return committed;
  database_ = nullptr;
  return {};
}

}  // namespace dynamirror::sqlite
