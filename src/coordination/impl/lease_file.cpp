// SPDX-License-Identifier: Apache-2.0
#include "coordination/impl/lease_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "coordination/lease_rules.hpp"
#include "json/read_into.hpp"
#include "json/writer.hpp"

namespace dynamirror::coordination {
namespace {

constexpr const char* kOpening = "open lease file";

/// "DYNL" in the database header: no state file and no other program's.
constexpr std::int64_t kApplicationId = 0x44594e4c;
constexpr std::int64_t kFormat = 1;

/// Rows are found by their key only, so the primary key is the table. Sets of names are JSON arrays.
constexpr std::string_view kSchema = R"sql(
  CREATE TABLE identity(
    only INTEGER PRIMARY KEY CHECK (only = 1), job TEXT NOT NULL, created TEXT NOT NULL, created_by TEXT NOT NULL);
  CREATE TABLE leases(
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, counter INTEGER NOT NULL, owner_switches INTEGER NOT NULL,
    checkpoint TEXT NOT NULL, parents TEXT NOT NULL, children TEXT NOT NULL, checkpoint_owner TEXT NOT NULL)
    WITHOUT ROWID;
)sql";

constexpr std::string_view kColumns =
    "key, owner, counter, owner_switches, checkpoint, parents, children, checkpoint_owner";

std::unexpected<Error> refusal(const std::filesystem::path& file, ErrorClass error_class, std::string message) {
  return failure(error_class, kOpening, file.string(), std::move(message));
}

sqlite::Answer<> use_write_ahead_log(const sqlite::Database& database) {
  const auto mode = database.query_text("PRAGMA journal_mode = WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode == "wal") return {};
  return std::unexpected(sqlite::Failure{SQLITE_CANTOPEN, "no write-ahead log on this file system"});
}

sqlite::Answer<> make_content(const std::filesystem::path& file, const std::string& job) {
  const auto database = sqlite::Database::open(file);
  if (!database) return std::unexpected(database.error());
  if (auto logged = use_write_ahead_log(*database); !logged) return logged;
  auto transaction = sqlite::Transaction::begin(*database);
  if (!transaction) return std::unexpected(transaction.error());
  const auto pragmas = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, kFormat);
  if (auto done = database->execute(std::string(kSchema) + pragmas); !done) return done;
  auto insert = database->prepare("INSERT INTO identity VALUES (1, ?, ?, ?)");
  if (!insert) return std::unexpected(insert.error());
  const std::string created = format_time(system_clock().wall_now());
  insert->bind(1, job);
  insert->bind(2, created);
  insert->bind(3, kVersion);
  if (auto done = insert->run(); !done) return done;
  return transaction->commit();
}

/// Removes a file that was never given its name.
class Draft {
 public:
  explicit Draft(std::filesystem::path file) : file_(std::move(file)) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;  // what stays is in nobody's way: no other draft gets this name
      std::filesystem::remove(file_.string() + suffix, ignored);
    }
  }

 private:
  std::filesystem::path file_;
};

/// A file that processes open while another one still makes it shows them neither nothing nor a whole: so it is made
/// under a name of its own, and gets its name when it is complete. The first of several makers wins.
/// An existing file is not opened here: closing it would drop the locks of every connection in this process.
Status create_if_missing(const std::filesystem::path& file, const std::string& job) {
  const auto unusable = [&](const std::string& reason) {
    return refusal(file, ErrorClass::kInvalid,
                   reason + "; make it and its folder readable and writable for this user, or choose another file");
  };
  if (auto made = create_folders(folder_of(file)); !made) return made;
  std::error_code error;
  if (std::filesystem::exists(file, error)) return {};
  std::string name = file.string() + ".XXXXXX";
  const FileDescriptor fd(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600, which SQLite's own files inherit
  if (!fd.is_open()) return unusable(last_system_error());
  const Draft draft(name);
  if (auto made = make_content(name, job); !made) return lease_file_failure(kOpening, file, made.error());
  // The content is in the file itself only when closing it has emptied its log.
  if (std::filesystem::exists(name + "-wal", error)) return unusable("could not be completed");
  if (::link(name.c_str(), file.c_str()) != 0 && errno != EEXIST) return unusable(last_system_error());
  return sync_folder(folder_of(file));
}

/// Reads only: a file that is not ours must not be touched.
Status check_format(const sqlite::Database& database, const std::filesystem::path& file) {
  const auto application = database.query_integer("PRAGMA application_id");
  if (!application) return lease_file_failure(kOpening, file, application.error());
  const auto format = database.query_integer("PRAGMA user_version");
  if (!format) return lease_file_failure(kOpening, file, format.error());
  if (*application != kApplicationId) {
    return refusal(file, ErrorClass::kInvalid, "is no lease file of dynamirror; choose another file");
  }
  if (*format <= kFormat) return {};
  return refusal(
      file, ErrorClass::kInvalid,
      fmt::format("was made by a newer dynamirror (format {}, this one knows {}); use that version", *format, kFormat));
}

Status check_job(const sqlite::Database& database, const std::filesystem::path& file, const std::string& job) {
  const auto owner = database.query_text("SELECT job FROM identity");
  if (!owner) return lease_file_failure(kOpening, file, owner.error());
  if (job.empty() || *owner == job) return {};
  return refusal(file, ErrorClass::kConflict,
                 "holds the leases of " + *owner + ", not of " + job + "; choose another file");
}

/// Other processes may be opening or closing the file: each step waits for them, for seconds at most.
Status check_content(const sqlite::Database& database, const std::filesystem::path& file, const std::string& job) {
  const auto fail = [&](const sqlite::Failure& failure) { return lease_file_failure(kOpening, file, failure); };
  if (auto set = database.execute("PRAGMA busy_timeout = 5000"); !set) return fail(set.error());
  if (auto ours = check_format(database, file); !ours) return ours;
  if (auto logged = use_write_ahead_log(database); !logged) return fail(logged.error());
  if (auto ours = check_job(database, file, job); !ours) return ours;
  // From now on whoever waits does so without holding up the event loop.
  if (auto set = database.execute("PRAGMA busy_timeout = 5"); !set) return fail(set.error());
  return {};
}

std::string list_text(const std::vector<std::string>& strings) {
  std::string text;
  json::Writer json(text);
  json.begin_array();
  for (const std::string& each : strings) json.string(each);
  json.end_array();
  return text;
}

/// Only what is lost for good must survive a power cut; see `set_durable`.
bool must_be_durable(const LeaseWrite& write) {
  return write.checkpoint || (write.kind != LeaseWrite::Kind::kRenew && write.kind != LeaseWrite::Kind::kTake);
}

}  // namespace

std::unexpected<Error> lease_file_failure(std::string doing, const std::filesystem::path& file,
                                          const sqlite::Failure& failure) {
  const auto with = [&](ErrorClass error_class, std::string message) {
    return dynamirror::failure(error_class, std::move(doing), file.string(), std::move(message));
  };
  if (is_locked(failure)) {
    auto locked = with(ErrorClass::kThrottled, "another process keeps it locked");
    locked.error().not_applied = true;
    return locked;
  }
  switch (failure.primary()) {
    case SQLITE_NOTADB:
      return with(ErrorClass::kInvalid, "is no lease file; choose another file");
    case SQLITE_CORRUPT:
      return with(ErrorClass::kInvalid,
                  "is damaged (" + failure.message + "); restore a copy of it, or remove it to start over");
    case SQLITE_FULL:
      return with(ErrorClass::kFatal, failure.message + "; free some space and start again");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return with(ErrorClass::kInvalid, failure.message + "; make the file and its folder writable for this user");
    default:
      return with(ErrorClass::kFatal, fmt::format("{} (SQLite code {})", failure.message, failure.code));
  }
}

bool is_locked(const sqlite::Failure& failure) {
  return failure.primary() == SQLITE_BUSY || failure.primary() == SQLITE_LOCKED;
}

Result<LeaseFile> LeaseFile::open(const std::filesystem::path& file, const std::string& job) {
  std::error_code error;
  if (job.empty() && !std::filesystem::exists(file, error)) {
    return refusal(file, ErrorClass::kNotFound, "there is no such file");
  }
  if (auto created = create_if_missing(file, job); !created) return std::unexpected(created.error());
  auto database = sqlite::Database::open(file);
  if (!database) return lease_file_failure(kOpening, file, database.error());
  if (database->read_only()) return lease_file_failure(kOpening, file, {SQLITE_READONLY, "can only be read"});
  if (auto fine = check_content(*database, file, job); !fine) return std::unexpected(fine.error());

  const auto fail = [&](const sqlite::Failure& failure) { return lease_file_failure(kOpening, file, failure); };
  auto all = database->prepare(fmt::format("SELECT {} FROM leases", kColumns));
  if (!all) return fail(all.error());
  auto single = database->prepare(fmt::format("SELECT {} FROM leases WHERE key = ?", kColumns));
  if (!single) return fail(single.error());
  auto upsert = database->prepare(fmt::format("INSERT OR REPLACE INTO leases({}) VALUES (?,?,?,?,?,?,?,?)", kColumns));
  if (!upsert) return fail(upsert.error());
  auto erase = database->prepare("DELETE FROM leases WHERE key = ?");
  if (!erase) return fail(erase.error());
  return LeaseFile(std::move(*database), std::move(*all), std::move(*single), std::move(*upsert), std::move(*erase));
}

sqlite::Answer<Lease> LeaseFile::lease_at(const sqlite::Statement& row) {
  Lease lease{.key = std::string(row.text(0)),
              .owner = std::string(row.text(1)),
              .counter = static_cast<std::uint64_t>(row.integer(2)),
              .owner_switches = static_cast<std::uint64_t>(row.integer(3)),
              .checkpoint = std::string(row.text(4)),
              .checkpoint_owner = std::string(row.text(7))};
  const auto read_list = [&](int column, std::vector<std::string>& list) {
    return reader_.read_copy(row.text(column), [&](json::Value& root) { return json::read_into(list, root); });
  };
  if (read_list(5, lease.parents) && read_list(6, lease.children)) return lease;
  return std::unexpected(sqlite::Failure{SQLITE_CORRUPT, "parents or children of " + lease.key});
}

sqlite::Answer<std::vector<Lease>> LeaseFile::scan(LeaseShare share) {
  std::vector<Lease> leases;
  for (;;) {  // ends with the table's last row
    const auto row = all_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return leases;
    auto lease = lease_at(all_);
    if (!lease) {
      all_.reset();
      return std::unexpected(std::move(lease.error()));
    }
    if (in_share(lease->key, share)) leases.push_back(std::move(*lease));
  }
}

sqlite::Answer<std::optional<Lease>> LeaseFile::find(const std::string& key) {
  single_.bind(1, key);
  const auto row = single_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  auto lease = lease_at(single_);
  single_.reset();
  if (!lease) return std::unexpected(std::move(lease.error()));
  return std::move(*lease);
}

/// A power cut takes all workers along, so who held which lease does not matter afterwards: such writes are spared the
/// fsync, and a lost one leaves the row as it was one renewal before.
sqlite::Answer<> LeaseFile::set_durable(bool durable) {
  if (durable_ == durable) return {};
  auto set = database_.execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (set) durable_ = durable;
  return set;
}

sqlite::Answer<bool> LeaseFile::write(const LeaseWrite& write) {
  if (auto set = set_durable(must_be_durable(write)); !set) return std::unexpected(set.error());
  auto transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto before = find(write.key);
  if (!before) return std::unexpected(before.error());
  const auto after = apply_write(write, *before);
  if (!after) return false;
  const auto changed = after->lease ? put(*after->lease) : remove(write.key);
  if (!changed) return std::unexpected(changed.error());
  if (auto done = transaction->commit(); !done) return std::unexpected(done.error());
  return true;
}

sqlite::Answer<> LeaseFile::put(const Lease& lease) {
  // SQLite turns the text of a number into one where the column is a number's.
  const std::string counter = std::to_string(lease.counter);
  const std::string owner_switches = std::to_string(lease.owner_switches);
  const std::string parents = list_text(lease.parents);
  const std::string children = list_text(lease.children);
  int parameter = 0;
  for (const std::string_view text :
       {std::string_view(lease.key), std::string_view(lease.owner), std::string_view(counter),
        std::string_view(owner_switches), std::string_view(lease.checkpoint), std::string_view(parents),
        std::string_view(children), std::string_view(lease.checkpoint_owner)}) {
    upsert_.bind(++parameter, text);
  }
  return upsert_.run();
}

sqlite::Answer<> LeaseFile::remove(const std::string& key) {
  erase_.bind(1, key);
  return erase_.run();
}

}  // namespace dynamirror::coordination
