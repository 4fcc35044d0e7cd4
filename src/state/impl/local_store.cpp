// SPDX-License-Identifier: Apache-2.0
#include "state/local_store.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/file_lock.hpp"
#include "base/files.hpp"
#include "sqlite/sqlite.hpp"
#include "state/impl/facts.hpp"
#include "state/impl/scan_rows.hpp"
#include "state/impl/spool_rows.hpp"
#include "state/impl/state_file.hpp"

namespace dynamirror::state {
namespace {

constexpr char kParentSeparator = '\n';

std::string join_parents(const std::vector<ShardId>& parents) {
  std::string text;
  for (const ShardId& parent : parents) {
    if (!text.empty()) text += kParentSeparator;
    text += parent.str();
  }
  return text;
}

std::vector<ShardId> split_parents(std::string_view text) {
  std::vector<ShardId> parents;
  while (!text.empty()) {
    const auto end = text.find(kParentSeparator);
    parents.emplace_back(std::string(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parents;
}

/// What could not be read back as it was written.
bool storable(const ShardId& parent) {
  return !parent.empty() && parent.str().find(kParentSeparator) == std::string::npos;
}

/// The value of a variable that holds an absolute path; the XDG specification wants a relative one ignored.
std::filesystem::path absolute_path_from(const char* variable) {
  const char* value = std::getenv(variable);
  std::filesystem::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : std::filesystem::path();
}

}  // namespace

struct LocalStore::Impl {
  FileLock lock;  // declared first: released only after the database has been closed
  std::filesystem::path file;
  sqlite::Database database;
  sqlite::Statement select;
  sqlite::Statement upsert;
  sqlite::Statement erase;
  sqlite::Statement select_streams;

  [[nodiscard]] std::unexpected<Error> failed(const char* doing, const sqlite::Failure& failure) const {
    return state_failure(doing, file, failure);
  }
  [[nodiscard]] Status status_of(const char* doing, const sqlite::Answer<>& answer) const {
    if (!answer) return failed(doing, answer.error());
    return {};
  }
};

LocalStore::LocalStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalStore::~LocalStore() = default;

Result<std::unique_ptr<LocalStore>> LocalStore::open(const std::filesystem::path& file,
                                                     const ReplicationIdentity& identity) {
  if (auto made = create_folders(folder_of(file)); !made) {
    Error error = made.error();
    error.message += "; choose another place for the state file with --state";
    return std::unexpected(std::move(error));
  }
  auto lock = FileLock::acquire(file);
  if (!lock) {
    Error error = lock.error();
    error.doing = "open state file";
    error.message += error.error_class == ErrorClass::kConflict
                         ? "; stop that one first, or choose another file with --state"
                         : "; make its folder writable for this user, or choose another file with --state";
    return std::unexpected(std::move(error));
  }
  auto database = open_state_file(file, identity);
  if (!database) return std::unexpected(database.error());

  const auto failed = [&](const sqlite::Failure& failure) { return state_failure("open state file", file, failure); };
  auto select = database->prepare("SELECT shard, parents, checkpoint FROM checkpoints WHERE stream = ?");
  if (!select) return failed(select.error());
  auto upsert = database->prepare(
      "INSERT INTO checkpoints VALUES (?, ?, ?, ?) ON CONFLICT (stream, shard) "
      "DO UPDATE SET parents = excluded.parents, checkpoint = excluded.checkpoint");
  if (!upsert) return failed(upsert.error());
  auto erase = database->prepare("DELETE FROM checkpoints WHERE stream = ? AND shard = ?");
  if (!erase) return failed(erase.error());
  auto select_streams = database->prepare("SELECT DISTINCT stream FROM checkpoints");
  if (!select_streams) return failed(select_streams.error());

  auto impl = std::unique_ptr<Impl>(new Impl{std::move(*lock), file, std::move(*database), std::move(*select),
                                             std::move(*upsert), std::move(*erase), std::move(*select_streams)});
  return std::unique_ptr<LocalStore>(new LocalStore(std::move(impl)));
}

Result<std::vector<model::ShardCheckpoint>> LocalStore::load(const StreamArn& stream) {
  std::vector<model::ShardCheckpoint> rows;
  impl_->select.bind(1, stream.str());
  while (true) {  // ends with the table's last row
    const auto row = impl_->select.step();
    if (!row) return impl_->failed("load checkpoints", row.error());
    if (!*row) return rows;
    auto checkpoint = model::parse_checkpoint(impl_->select.text(2));
    if (!checkpoint) {
      impl_->select.reset();
      return impl_->failed("load checkpoints", {SQLITE_CORRUPT, "checkpoint: " + checkpoint.error().message});
    }
    rows.push_back(
        {ShardId(std::string(impl_->select.text(0))), split_parents(impl_->select.text(1)), std::move(*checkpoint)});
  }
}

Status LocalStore::save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) {
  if (rows.empty()) return {};
  auto transaction = sqlite::Transaction::begin(impl_->database);
  if (!transaction) return impl_->failed("save checkpoints", transaction.error());
  impl_->upsert.bind(1, stream.str());
  for (const model::ShardCheckpoint& row : rows) {
    if (!std::all_of(row.parents.begin(), row.parents.end(), storable)) {
      return failure(ErrorClass::kInvalid, "save checkpoints", row.shard.str(),
                     "a parent's id is empty or spans lines");
    }
    const std::string parents = join_parents(row.parents);
    const std::string checkpoint = model::to_string(row.checkpoint);
    impl_->upsert.bind(2, row.shard.str());
    impl_->upsert.bind(3, parents);
    impl_->upsert.bind(4, checkpoint);
    if (auto saved = impl_->upsert.run(); !saved) return impl_->failed("save checkpoints", saved.error());
  }
  if (auto done = transaction->commit(); !done) return impl_->failed("save checkpoints", done.error());
  return {};
}

Status LocalStore::remove(const StreamArn& stream, std::span<const ShardId> shards) {
  if (shards.empty()) return {};
  auto transaction = sqlite::Transaction::begin(impl_->database);
  if (!transaction) return impl_->failed("remove checkpoints", transaction.error());
  impl_->erase.bind(1, stream.str());
  for (const ShardId& shard : shards) {
    impl_->erase.bind(2, shard.str());
    if (auto removed = impl_->erase.run(); !removed) return impl_->failed("remove checkpoints", removed.error());
  }
  if (auto done = transaction->commit(); !done) return impl_->failed("remove checkpoints", done.error());
  return {};
}

Result<std::vector<StreamArn>> LocalStore::streams() {
  std::vector<StreamArn> streams;
  while (true) {  // ends with the table's last row
    const auto row = impl_->select_streams.step();
    if (!row) return impl_->failed("list streams", row.error());
    if (!*row) return streams;
    streams.emplace_back(std::string(impl_->select_streams.text(0)));
  }
}

Result<std::optional<WallTime>> LocalStore::read_until() {
  const auto text = read_fact(impl_->database, kReadUntilFact);
  if (!text) return impl_->failed("load time of reading", text.error());
  if (text->empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (read.ec != std::errc() || read.ptr != text->data() + text->size()) {
    return impl_->failed("load time of reading", {SQLITE_CORRUPT, "not a time: " + *text});
  }
  return WallTime(std::chrono::seconds(seconds));
}

Status LocalStore::save_read_until(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  return impl_->status_of("save time of reading",
                          write_fact(impl_->database, kReadUntilFact, std::to_string(seconds.count())));
}

Result<std::optional<ScanJob>> LocalStore::load_scan() {
  auto job = read_scan(impl_->database);
  if (!job) return impl_->failed("load scan", job.error());
  return std::move(*job);
}

Status LocalStore::save_scan(const ScanJob& job) {
  return impl_->status_of("save scan", write_scan(impl_->database, job));
}

Status LocalStore::save_segments(std::span<const ScanSegment> segments) {
  if (segments.empty()) return {};
  return impl_->status_of("save positions of scan", write_segments(impl_->database, segments));
}

Status LocalStore::set_scan_phase(std::string_view phase) {
  return impl_->status_of("save phase of scan", write_phase(impl_->database, phase));
}

Status LocalStore::set_scan_spool(std::string_view id) {
  return impl_->status_of("save spool of scan", write_fact(impl_->database, kScanSpoolFact, id));
}

Status LocalStore::remove_scan() { return impl_->status_of("remove scan", erase_scan(impl_->database)); }

Status LocalStore::put_changes(std::span<const model::Change* const> changes) {
  return impl_->status_of("spool changes", write_changes(impl_->database, changes));
}

Result<std::vector<SpooledChange>> LocalStore::changes_after(std::int64_t row, std::size_t most,
                                                             std::size_t max_bytes) {
  auto changes = read_changes(impl_->database, row, most, max_bytes);
  if (!changes) return impl_->failed("read spooled changes", changes.error());
  return std::move(*changes);
}

Status LocalStore::remove_changes_to(std::int64_t row) {
  return impl_->status_of("remove spooled changes", erase_changes(impl_->database, row));
}

Result<std::uint64_t> LocalStore::count_changes() {
  const auto count = impl_->database.query_integer("SELECT count(*) FROM spooled_changes");
  if (!count) return impl_->failed("count spooled changes", count.error());
  return static_cast<std::uint64_t>(*count);
}

Result<std::string> LocalStore::spool_id() {
  auto id = read_fact(impl_->database, kSpoolIdFact);
  if (!id) return impl_->failed("read id of spool", id.error());
  return std::move(*id);
}

Status LocalStore::set_spool_id(std::string_view id) {
  return impl_->status_of("save id of spool", write_fact(impl_->database, kSpoolIdFact, id));
}

Result<std::filesystem::path> LocalStore::default_path(const ReplicationIdentity& identity) {
  auto folder = absolute_path_from("XDG_STATE_HOME");
  if (folder.empty()) {
    const auto home = absolute_path_from("HOME");
    if (home.empty()) {
      return failure(ErrorClass::kInvalid, "choose state file", "",
                     "neither XDG_STATE_HOME nor HOME is set; name a file with --state");
    }
    folder = home / ".local" / "state";
  }
  const std::string text = identity.source + '\n' + identity.target;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string name;
  for (std::size_t i = 0; i < 8; ++i) {
    name += kHex[digest[i] >> 4];
    name += kHex[digest[i] & 15];
  }
  return folder / "dynamirror" / (name + ".state");
}

}  // namespace dynamirror::state
