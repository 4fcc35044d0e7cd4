// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dynamirror::sqlite {

/// What SQLite answered; the caller knows what it means for the user.
struct Failure {
  int code = SQLITE_ERROR;  ///< extended result code
  std::string message;
  /// Without the detail that an extended code adds.
  [[nodiscard]] int primary() const { return code & 0xff; }
};

template <class T = void>
using Answer = std::expected<T, Failure>;

/// A compiled statement. Values are bound, stepped and read; each `run` or finished `step` leaves it ready for use
/// again.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  /// `text` is borrowed until the next `run`, or the last `step`, has returned. Parameters count from 1.
  void bind(int parameter, std::string_view text);

  /// Executes a statement that gives no rows (or whose rows do not matter).
  [[nodiscard]] Answer<> run();

  /// Moves to the next row. False at the end; the statement is reset then and after a failure.
  [[nodiscard]] Answer<bool> step();

  /// Ends reading before the last row.
  void reset() { sqlite3_reset(statement_.get()); }

  /// Of the current row; columns count from 0. The text lives until the next step.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// An open database file. Not thread-safe.
class Database {
 public:
  /// REQUIRES: the file exists; an empty one becomes a database with the first write.
  [[nodiscard]] static Answer<Database> open(const std::filesystem::path& file);

  [[nodiscard]] Answer<Statement> prepare(std::string_view sql) const;
  /// One or more statements without parameters.
  [[nodiscard]] Answer<> execute(const std::string& sql) const;
  /// The first column of the first row.
  [[nodiscard]] Answer<std::string> query_text(std::string_view sql) const;
  [[nodiscard]] Answer<std::int64_t> query_integer(std::string_view sql) const;

  /// True when the file could only be opened for reading.
  [[nodiscard]] bool read_only() const { return sqlite3_db_readonly(handle_.get(), "main") == 1; }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  std::unique_ptr<sqlite3, Closer> handle_;
};

/// Rolls back when destroyed, unless committed.
class Transaction {
 public:
  [[nodiscard]] static Answer<Transaction> begin(const Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  [[nodiscard]] Answer<> commit();

 private:
  explicit Transaction(const Database* database) : database_(database) {}
  const Database* database_;
};

}  // namespace dynamirror::sqlite
