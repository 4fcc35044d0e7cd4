// SPDX-License-Identifier: Apache-2.0
#include "state/impl/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "state/impl/table_ids.hpp"

namespace dynamirror::state {
namespace {

constexpr std::string_view kOpening = "open state file";

/// "DYNM" in the database header: tells our files from other programs' databases.
constexpr std::int64_t kApplicationId = 0x44594e4d;
/// Grows with every change of the tables below. Format 1 had no scan and no spool, format 2 no facts.
constexpr std::int64_t kFormat = 3;
constexpr std::int64_t kFormatWithoutScan = 1;

/// Rows are found by stream and shard only, so the primary key is the table. A shard's parents are separated by line
/// breaks: SQLite's shell shows them well, and no shard id holds one.
constexpr std::string_view kSchema = R"sql(
  CREATE TABLE identity(
    only INTEGER PRIMARY KEY CHECK (only = 1), source TEXT NOT NULL, target TEXT NOT NULL,
    created TEXT NOT NULL, created_by TEXT NOT NULL);
  CREATE TABLE checkpoints(
    stream TEXT NOT NULL, shard TEXT NOT NULL, parents TEXT NOT NULL, checkpoint TEXT NOT NULL,
    PRIMARY KEY (stream, shard)) WITHOUT ROWID;
)sql";

/// What came with format 2. The spool is read in the order of its numbers, which never change for a key.
constexpr std::string_view kScanSchema = R"sql(
  CREATE TABLE scan_job(
    only INTEGER PRIMARY KEY CHECK (only = 1), purpose TEXT NOT NULL, phase TEXT NOT NULL,
    share INTEGER NOT NULL, shares INTEGER NOT NULL, split INTEGER NOT NULL,
    begun INTEGER NOT NULL);
  CREATE TABLE scan_segments(segment INTEGER PRIMARY KEY, after_key TEXT NOT NULL, done INTEGER NOT NULL);
  CREATE TABLE spooled_changes(number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, image TEXT NOT NULL);
)sql";

/// What came with format 3.
constexpr std::string_view kFactSchema =
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

std::unexpected<Error> refusal(const std::filesystem::path& file, std::string message,
                               ErrorClass error_class = ErrorClass::kInvalid) {
  return failure(error_class, std::string(kOpening), file.string(), std::move(message));
}

/// Makes the file ourselves, so that nobody else may read it: SQLite would use the process's umask.
Status create_if_missing(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return refusal(file, "is a folder; name a file with --state");
  }
  const FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    return refusal(file, last_system_error() +
                             "; make it readable and writable for this user, or choose another file "
                             "with --state");
  }
  return sync_folder(folder_of(file));
}

/// SQLite takes a file of one byte for an empty one, and reads a cut-off last page as if zeros followed. A log beside
/// the file may still complete it, so only a file without one can be judged by its size.
Status check_size(const std::filesystem::path& file) {
  constexpr std::uintmax_t kSmallestPage = 512;
  auto log = file;
  log += "-wal";
  std::error_code error;
  const auto log_size = std::filesystem::file_size(log, error);
  if (!error && log_size > 0) return {};
  const auto size = std::filesystem::file_size(file, error);
  if (error) return refusal(file, error.message());
  if (size > 0 && size < kSmallestPage) return state_failure(std::string(kOpening), file, {SQLITE_NOTADB, ""});
  if (size % kSmallestPage != 0)
    return state_failure(std::string(kOpening), file, {SQLITE_CORRUPT, "its end is missing"});
  return {};
}

enum class Content { kNothing, kFormerFormat, kOurs };

/// Reads only: a file that is not ours must not be touched.
Result<Content> examine(const sqlite::Database& database, const std::filesystem::path& file) {
  // EXCLUSIVE keeps the lock from the first read on, also against programs that do not know our lock file.
  if (auto locked = database.execute("PRAGMA locking_mode = EXCLUSIVE"); !locked) {
    return state_failure(std::string(kOpening), file, locked.error());
  }
  const auto application = database.query_integer("PRAGMA application_id");
  if (!application) return state_failure(std::string(kOpening), file, application.error());
  const auto format = database.query_integer("PRAGMA user_version");
  if (!format) return state_failure(std::string(kOpening), file, format.error());
  const auto objects = database.query_integer("SELECT count(*) FROM sqlite_master");
  if (!objects) return state_failure(std::string(kOpening), file, objects.error());

  // A crash while we made the file leaves it empty: not a file that anybody would miss.
  if (*application == 0 && *format == 0 && *objects == 0) return Content::kNothing;
  if (*application != kApplicationId) {
    return refusal(file,
                   "is the database of another program, not a dynamirror state file; choose another file with --state");
  }
  if (*format > kFormat) {
    return refusal(file,
                   fmt::format("was made by a newer dynamirror (state format {}, this one knows {}); use that version, "
                               "or another file with --state",
                               *format, kFormat));
  }
  const auto verdict = database.query_text("PRAGMA quick_check(1)");
  if (!verdict) return state_failure(std::string(kOpening), file, verdict.error());
  if (*verdict != "ok") return state_failure(std::string(kOpening), file, {SQLITE_CORRUPT, *verdict});
  return *format < kFormat ? Content::kFormerFormat : Content::kOurs;
}

sqlite::Answer<> make_tables(const sqlite::Database& database, const ReplicationIdentity& identity) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  const auto pragmas = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, kFormat);
  const auto schema = fmt::format("{}{}{}", kSchema, kScanSchema, kFactSchema);
  if (auto done = database.execute(schema + pragmas); !done) return done;
  auto insert = database.prepare("INSERT INTO identity VALUES (1, ?, ?, ?, ?)");
  if (!insert) return std::unexpected(insert.error());
  const std::string created = format_time(system_clock().wall_now());
  insert->bind(1, identity.source);
  insert->bind(2, identity.target);
  insert->bind(3, created);
  insert->bind(4, kVersion);
  if (auto done = insert->run(); !done) return done;
  return transaction->commit();
}

sqlite::Answer<> upgrade(const sqlite::Database& database) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return std::unexpected(transaction.error());
  const auto format = database.query_integer("PRAGMA user_version");
  if (!format) return std::unexpected(format.error());
  const auto missing = fmt::format("{}{}", *format == kFormatWithoutScan ? kScanSchema : "", kFactSchema);
  const auto pragma = fmt::format("PRAGMA user_version = {};", kFormat);
  if (auto done = database.execute(missing + pragma); !done) return done;
  return transaction->commit();
}

Status check_identity(const sqlite::Database& database, const std::filesystem::path& file,
                      const ReplicationIdentity& identity) {
  const auto source = database.query_text("SELECT source FROM identity");
  if (!source) return state_failure(std::string(kOpening), file, source.error());
  const auto target = database.query_text("SELECT target FROM identity");
  if (!target) return state_failure(std::string(kOpening), file, target.error());
  if (*source == identity.source && *target == identity.target) return {};
  return refusal(
      file,
      fmt::format("belongs to the replication {} -> {}, not to {} -> {}; choose another file with --state, or "
                  "remove this one to start over",
                  *source, *target, identity.source, identity.target),
      ErrorClass::kConflict);
}

/// The write-ahead log needs one fsync per commit where a rollback journal needs three; FULL is what makes that one
/// fsync happen before COMMIT returns.
sqlite::Answer<> set_durability(const sqlite::Database& database) {
  const auto mode = database.query_text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal")
    return std::unexpected(sqlite::Failure{SQLITE_CANTOPEN, "no write-ahead log on this file system"});
  return database.execute("PRAGMA synchronous = FULL");
}

}  // namespace

std::unexpected<Error> state_failure(std::string doing, const std::filesystem::path& file,
                                     const sqlite::Failure& failure) {
  const auto with = [&](ErrorClass error_class, std::string message) {
    return dynamirror::failure(error_class, std::move(doing), file.string(), std::move(message));
  };
  switch (failure.primary()) {
    case SQLITE_NOTADB:
      return with(ErrorClass::kInvalid, "is not a dynamirror state file; choose another file with --state");
    case SQLITE_CORRUPT:
      return with(ErrorClass::kInvalid, "is damaged (" + failure.message +
                                            "); restore a copy of it, or remove it to start over from --start");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return with(ErrorClass::kConflict,
                  "in use by another program; stop that one, or choose another file with --state");
    case SQLITE_FULL:
      return with(ErrorClass::kFatal, failure.message + "; free some space and start again: nothing is lost");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return with(ErrorClass::kInvalid, failure.message +
                                            "; make the file and its folder writable for this user, or "
                                            "choose another file with --state");
    default:
      return with(ErrorClass::kFatal, fmt::format("{} (SQLite code {})", failure.message, failure.code));
  }
}

Result<sqlite::Database> open_state_file(const std::filesystem::path& file, const ReplicationIdentity& identity) {
  if (auto created = create_if_missing(file); !created) return std::unexpected(created.error());
  auto database = sqlite::Database::open(file);
  if (!database) return state_failure(std::string(kOpening), file, database.error());
  if (database->read_only()) {
    return state_failure(std::string(kOpening), file, {SQLITE_READONLY, "can only be read"});
  }
  const auto content = examine(*database, file);
  if (!content) return std::unexpected(content.error());
  if (auto whole = check_size(file); !whole) return std::unexpected(whole.error());
  if (*content != Content::kNothing) {
    if (auto ours = check_identity(*database, file, identity); !ours) return std::unexpected(ours.error());
  }
  if (*content == Content::kOurs) {
    if (auto same = check_table_ids(*database, file, identity); !same) return std::unexpected(same.error());
  }
  if (auto set = set_durability(*database); !set) return state_failure(std::string(kOpening), file, set.error());
  if (*content == Content::kNothing) {
    if (auto made = make_tables(*database, identity); !made) {
      return state_failure(std::string(kOpening), file, made.error());
    }
  }
  if (*content == Content::kFormerFormat) {
    if (auto upgraded = upgrade(*database); !upgraded) {
      return state_failure(std::string(kOpening), file, upgraded.error());
    }
  }
  if (auto kept = keep_table_ids(*database, identity); !kept) {
    return state_failure(std::string(kOpening), file, kept.error());
  }
  return std::move(*database);
}

}  // namespace dynamirror::state
