// SPDX-License-Identifier: Apache-2.0
#include "jobs/dead_letters/replay_stored_letters.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"

namespace dynamirror::jobs {
namespace {

/// A folder for the time of a replay.
class WorkFolder {
 public:
  [[nodiscard]] static Result<WorkFolder> make() {
    std::error_code ignored;
    std::string name = (std::filesystem::temp_directory_path(ignored) / "dynamirror-letters-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return file_failure("make folder", name);
    return WorkFolder(std::move(name));
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  /// A file that holds this text. Errors: those of file_failure.
  [[nodiscard]] Result<std::filesystem::path> hold(std::string_view text) const {
    const std::filesystem::path file = path_ / "letters.jsonl";
    const FileDescriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!to.is_open()) return file_failure("write file", file);
    auto written = write_all(to, text, file);
    if (!written) return std::unexpected(std::move(written.error()));
    return file;
  }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

void add(ReplayResult& sum, ReplayResult batch) {
  sum.entries += batch.entries;
  sum.keys += batch.keys;
  sum.applied += batch.applied;
  sum.superseded += batch.superseded;
  sum.unreadable += batch.unreadable;
  sum.still_failing += batch.still_failing;
  sum.stopped_by = std::move(batch.stopped_by);
}

/// Unlike a file, of which a crash may have left a part of a line, a batch is stored whole or not at all.
Result<std::unique_ptr<sink::DeadLetters>> open_letters(const std::filesystem::path& file, std::string_view lines) {
  if (!lines.ends_with('\n')) return failure(ErrorClass::kInvalid, "read dead letters", {}, "its last line has no end");
  return sink::DeadLetters::open({.file = file});
}

std::string place_of(const StoredLetters& stored, const StoredBatch& batch) {
  return stored.describe() + "/" + batch.name;
}

/// What the messages of one batch's file are about.
Error in_batch(Error error, const StoredLetters& stored, const StoredBatch& batch) {
  error.resource = place_of(stored, batch);
  return error;
}

}  // namespace

async::Task<Result<StoredReplayResult>> replay_stored_letters(StoredLetters& stored, sink::ChangeSink& target,
                                                              const Clock& clock, Random& random,
                                                              const StoredReplayOptions& options) {
  const auto folder = WorkFolder::make();
  if (!folder) co_return std::unexpected(folder.error());
  StoredReplayResult result;
  std::set<std::string> other_tables;
  while (!result.letters.stopped_by) {  // ends with the place
    auto batch = co_await stored.next();
    if (!batch) co_return std::unexpected(std::move(batch.error()));
    if (!*batch) break;
    ++result.batches;
    const StoredBatch& read = **batch;
    if (!read.table.empty() && read.table != options.table) {
      ++result.of_other_tables;
      other_tables.insert(read.table);
      continue;
    }
    const auto file = folder->hold(read.lines);
    if (!file) co_return std::unexpected(file.error());
    auto letters = open_letters(*file, read.lines);
    if (!letters) {
      if (!result.damaged) result.damaged = in_batch(std::move(letters.error()), stored, read);
      continue;
    }
    ReplayOptions replay = options.replay;
    replay.place = place_of(stored, read);
    auto replayed = co_await replay_dead_letters(**letters, target, clock, random, replay);
    if (!replayed) co_return std::unexpected(in_batch(std::move(replayed.error()), stored, read));
    const bool done = !replayed->stopped_by && replayed->still_failing == 0 && replayed->unreadable == 0;
    add(result.letters, std::move(*replayed));
    if (!done) continue;
    const auto removed = co_await stored.remove(read);
    if (!removed) co_return std::unexpected(removed.error());
    if (*removed) ++result.removed;
  }
  for (const std::string& table : other_tables) {
    log::warning("letters of another table are left alone; replay them with that table as --primary",
                 {{"table", table}, {"letters", stored.describe()}});
  }
  co_return result;
}

}  // namespace dynamirror::jobs
