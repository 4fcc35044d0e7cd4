// SPDX-License-Identifier: Apache-2.0
#include "service/state_files.hpp"

#include <filesystem>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"
#include "state/memory_store.hpp"

namespace dynamirror::service {
namespace {

/// False, too, for a file that cannot be looked at: to open it says why.
bool is_absent(const std::filesystem::path& file) {
  std::error_code error;
  return !std::filesystem::exists(file, error) && !error;
}

/// A dry run starts where the real one would, and leaves the file as it is.
Result<std::unique_ptr<state::CheckpointStore>> copy_of_state(const std::filesystem::path& file,
                                                              const state::ReplicationIdentity& identity) {
  auto copy = std::make_unique<state::MemoryStore>();
  if (is_absent(file)) return copy;
  auto store = state::LocalStore::open(file, identity);
  if (!store) return std::unexpected(std::move(store.error()));
  const auto streams = (*store)->streams();
  if (!streams) return std::unexpected(streams.error());
  for (const StreamArn& stream : *streams) {
    const auto rows = (*store)->load(stream);
    if (!rows) return std::unexpected(rows.error());
    if (auto saved = copy->save(stream, *rows); !saved) return std::unexpected(std::move(saved.error()));
  }
  const auto read_until = (*store)->read_until();
  if (!read_until) return std::unexpected(read_until.error());
  if (*read_until) {
    if (auto saved = copy->save_read_until(**read_until); !saved) return std::unexpected(std::move(saved.error()));
  }
  return copy;
}

/// A newer change of a key must not go past its letters: a replay would put the old state over it.
Status refuse_standing_letters(const std::string& file) {
  if (is_absent(file)) return {};
  const auto letters = sink::DeadLetters::open({.file = file});
  if (!letters) return std::unexpected(letters.error());
  if ((*letters)->keys() == 0) return {};
  return failure(
      ErrorClass::kConflict, "leave dead letters out", file,
      std::to_string((*letters)->keys()) +
          " keys have letters there, which their later changes must follow; run `dead-letters replay` first, "
          "or go on with this file");
}

/// Held on the pair's default state file, which a process that uses that file holds anyway.
Result<std::optional<FileLock>> lock_pair(const StateFileOptions& options, const state::ReplicationIdentity& identity) {
  if (!options.one_process || options.state.empty()) return std::nullopt;
  auto guarded = state::LocalStore::default_path(identity);
  if (!guarded) return std::nullopt;
  *guarded += options.kind;
  if (!create_folders(folder_of(*guarded))) return std::nullopt;
  auto lock = FileLock::acquire(*guarded);
  if (lock) return std::optional<FileLock>(std::move(*lock));
  if (lock.error().error_class != ErrorClass::kConflict) return std::nullopt;
  Error error = lock.error();
  error.doing = "work on the pair";
  error.resource = identity.source + " -> " + identity.target;
  error.message += "; two processes with a state file each undo what the other has written: stop that one first";
  return std::unexpected(std::move(error));
}

}  // namespace

std::optional<Error> missing_keys(const sink::DeadLetters* letters, const std::string& target) {
  if (letters == nullptr || letters->keys() == 0) return std::nullopt;
  return Error{.error_class = ErrorClass::kInvalid,
               .doing = "bring in step",
               .resource = target,
               .code = {},
               .message = std::to_string(letters->keys()) +
                          " keys have dead letters, their newest state is not there; remove the cause, then run "
                          "`dead-letters replay`"};
}

std::string identity_of(const jobs::TableSide& side, const aws::TableDescription& table) {
  if (side.address().endpoint) return side.endpoint().url() + "/" + table.name.str();
  return table.arn;
}

Result<StateFiles> open_state_files(const StateFileOptions& options, const state::ReplicationIdentity& identity) {
  std::filesystem::path state = options.state;
  std::string letters_file = state.string();  // all jobs of one pair of tables have the same
  if (state.empty()) {
    auto path = state::LocalStore::default_path(identity);
    if (!path) return std::unexpected(std::move(path.error()));
    letters_file = path->string() + (options.without_state ? options.kind : "");
    state = path->string() + options.kind;
  }
  letters_file += ".dead-letters.jsonl";
  StateFiles files;
  if (options.dry_run) {
    auto copy = copy_of_state(state, identity);
    if (!copy) return std::unexpected(std::move(copy.error()));
    files.store = std::move(*copy);
    return files;
  }
  auto pair = lock_pair(options, identity);
  if (!pair) return std::unexpected(std::move(pair.error()));
  if (*pair) files.pair.emplace(std::move(**pair));
  if (options.without_state) {
    files.store = std::make_unique<state::MemoryStore>();
  } else {
    auto store = state::LocalStore::open(state, identity);
    if (!store) return std::unexpected(std::move(store.error()));
    files.store = std::move(*store);
    log::info("state file", {{"file", state.string()}});
  }
  const auto same_file = [](const std::string& one, const std::string& other) {
    std::error_code ignored;  // of paths that cannot be looked at: opening them will tell
    return std::filesystem::weakly_canonical(std::filesystem::absolute(one), ignored) ==
           std::filesystem::weakly_canonical(std::filesystem::absolute(other), ignored);
  };
  const bool elsewhere = !options.dead_letters.empty() && !same_file(options.dead_letters, letters_file);
  if (options.without_dead_letters || elsewhere) {
    if (auto clear = refuse_standing_letters(letters_file); !clear) return std::unexpected(std::move(clear.error()));
  }
  if (options.without_dead_letters) return files;
  auto letters = open_dead_letters(elsewhere ? options.dead_letters : letters_file, options.max_dead_letter_keys);
  if (!letters) return std::unexpected(std::move(letters.error()));
  files.dead_letters = std::move(*letters);
  return files;
}

Result<std::unique_ptr<sink::DeadLetters>> open_dead_letters(const std::string& file, std::size_t max_keys) {
  if (file.empty()) return nullptr;
  auto letters = sink::DeadLetters::open({.file = file, .max_keys = max_keys});
  if (letters && (*letters)->entries() > 0) {
    log::warning("there are dead letters; their keys stay as they are in the target until `dead-letters replay`",
                 {{"file", file}, {"keys", std::to_string((*letters)->keys())}});
  }
  return letters;
}

}  // namespace dynamirror::service
