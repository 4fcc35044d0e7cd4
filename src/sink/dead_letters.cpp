// SPDX-License-Identifier: Apache-2.0
#include "sink/dead_letters.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "async/disk_thread.hpp"
#include "async/semaphore.hpp"
#include "base/file_lock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "sink/impl/line_reader.hpp"

namespace dynamirror::sink {
namespace {

constexpr const char* kOpening = "open dead-letter file";

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
};
using KeySet = std::unordered_set<std::string, KeyHash, std::equal_to<>>;

/// What every line begins with; only what begins so can be a line of ours that a crash has cut off.
constexpr std::string_view kLineStart = R"({"key":)";

bool may_be_cut_off(std::string_view line) {
  return line.substr(0, kLineStart.size()) == kLineStart.substr(0, line.size());
}

std::unexpected<Error> damaged(const LineReader& reader, const Error& why) {
  return failure(ErrorClass::kInvalid, "read dead letters", reader.where(),
                 fmt::format("is not a dead letter ({}); repair or remove that line, or choose another file with "
                             "--dead-letter",
                             why.message));
}

Result<FileDescriptor> open_file(const std::filesystem::path& file, int extra_flags) {
  FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | extra_flags, 0600));
  struct stat status{};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) {
    return failure(ErrorClass::kInvalid, kOpening, file.string(),
                   last_system_error() +
                       "; make it readable and writable for this user, or choose another file with "
                       "--dead-letter");
  }
  if (!S_ISREG(status.st_mode)) {
    return failure(ErrorClass::kInvalid, kOpening, file.string(),
                   "is not a regular file, which alone can be synced; choose another file with --dead-letter");
  }
  return fd;
}

Result<FileLock> lock_file(const std::filesystem::path& file) {
  auto lock = FileLock::acquire(file);
  if (lock) return lock;
  Error error = lock.error();
  error.doing = kOpening;
  error.message += error.error_class == ErrorClass::kConflict
                       ? "; stop that one first (replicate and dead-letters replay take turns), or choose another file "
                         "with --dead-letter"
                       : "; make its folder writable for this user, or choose another file with --dead-letter";
  return std::unexpected(std::move(error));
}

}  // namespace

struct DeadLetters::Impl {
  Options options;
  FileLock lock;
  FileDescriptor fd;
  KeySet keys{};
  std::uint64_t without_key = 0;  ///< letters
  std::uint64_t entries = 0;
  std::uint64_t size_bytes = 0;  ///< what a failed append is cut back to
  json::Reader reader{};
  /// After a failed sync nobody knows what the disk has, and a second sync would claim success: no more writing.
  std::optional<Error> broken{};
  async::Semaphore adding_turn{1};

  [[nodiscard]] std::string name() const { return options.file.string(); }
  [[nodiscard]] std::unexpected<Error> failed(const char* doing, std::string message) const {
    return failure(ErrorClass::kFatal, doing, name(), std::move(message));
  }

  void count(const DeadLetter& letter);
  [[nodiscard]] Status load();
  [[nodiscard]] Status repair_end(std::string& line, const LineReader& lines);
  [[nodiscard]] Status append(std::string_view text);
  [[nodiscard]] Result<std::string> lines_of(const std::vector<DeadLetter>& letters) const;
  /// What the file is after a rewrite.
  struct Kept {
    KeySet keys{};
    std::uint64_t without_key = 0;
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Status copy_kept(const FileDescriptor& to, FunctionRef<Verdict(DeadLetter&)> decide, Kept& kept);
};

void DeadLetters::Impl::count(const DeadLetter& letter) {
  ++entries;
  if (letter.has_key()) {
    keys.emplace(letter.change.key());
  } else {
    ++without_key;
  }
}

Status DeadLetters::Impl::load() {
  LineReader lines(fd, options.file);
  std::string line;
  while (true) {  // ends with the file's end
    const auto next = lines.next(line);
    if (!next) return std::unexpected(next.error());
    if (*next == LineReader::Found::kEnd) break;
    if (*next == LineReader::Found::kUnfinished) return repair_end(line, lines);
    const auto letter = parse_dead_letter(line, reader);
    if (!letter) return damaged(lines, letter.error());
    count(*letter);
    size_bytes = lines.line_end();
  }
  return {};
}

/// The last line has no line break. A whole letter (somebody's editor ate the line break) is completed; what a crash
/// has cut off was never acknowledged, so its change will be read again, and it must go before anything is written
/// behind it.
Status DeadLetters::Impl::repair_end(std::string& line, const LineReader& lines) {
  const bool cut_off = may_be_cut_off(line);
  const std::uint64_t line_bytes = lines.line_end() - lines.line_start();
  const auto letter = parse_dead_letter(line, reader);
  if (letter) {
    size_bytes = lines.line_end();
    if (auto written = append("\n"); !written) return written;
    count(*letter);
    ++size_bytes;
    return {};
  }
  if (!cut_off) return damaged(lines, letter.error());
  if (::ftruncate(fd.get(), static_cast<off_t>(lines.line_start())) != 0 || ::fdatasync(fd.get()) != 0) {
    return failed("repair dead-letter file", last_system_error());
  }
  log::warning("removed an incomplete last line from the dead-letter file; its change will be read again",
               {{"file", name()}, {"bytes", std::to_string(line_bytes)}});
  return {};
}

Status DeadLetters::Impl::append(std::string_view text) {
  if (auto written = write_all(fd, text, options.file); !written) {
    // Half a line must not stay in front of later ones.
    if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) broken = written.error();
    return failed("add dead letters", written.error().message +
                                          "; free some space or choose another file with "
                                          "--dead-letter, and start again: nothing is lost");
  }
  if (::fdatasync(fd.get()) != 0) {
    auto failure = failed("add dead letters", last_system_error());
    broken = failure.error();
    return failure;
  }
  return {};
}

DeadLetters::DeadLetters(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeadLetters::~DeadLetters() = default;

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(const Options& options) {
  if (auto made = create_folders(folder_of(options.file)); !made) {
    Error error = made.error();
    error.message += "; choose another place for the dead letters with --dead-letter";
    return std::unexpected(std::move(error));
  }
  // Behind a symbolic link is one file with one lock, and `rewrite` must replace that file, not the link.
  std::error_code error;
  Options resolved{.file = std::filesystem::weakly_canonical(options.file, error), .max_keys = options.max_keys};
  if (error) return failure(ErrorClass::kInvalid, kOpening, options.file.string(), error.message());
  auto lock = lock_file(resolved.file);
  if (!lock) return std::unexpected(lock.error());
  auto fd = open_file(resolved.file, 0);
  if (!fd) return std::unexpected(fd.error());
  if (auto synced = sync_folder(folder_of(resolved.file)); !synced) return std::unexpected(synced.error());
  auto impl =
      std::unique_ptr<Impl>(new Impl{.options = std::move(resolved), .lock = std::move(*lock), .fd = std::move(*fd)});
  if (auto loaded = impl->load(); !loaded) return std::unexpected(loaded.error());
  return std::unique_ptr<DeadLetters>(new DeadLetters(std::move(impl)));
}

bool DeadLetters::quarantined(std::string_view key) const { return !impl_->keys.empty() && impl_->keys.contains(key); }
std::size_t DeadLetters::keys() const { return impl_->keys.size(); }
std::uint64_t DeadLetters::without_key() const { return impl_->without_key; }
std::uint64_t DeadLetters::entries() const { return impl_->entries; }
const std::filesystem::path& DeadLetters::file() const { return impl_->options.file; }

/// Errors: there is no room for that many.
Result<std::string> DeadLetters::Impl::lines_of(const std::vector<DeadLetter>& letters) const {
  std::unordered_set<std::string_view> new_keys;
  std::size_t new_without_key = 0;
  std::string text;
  for (const DeadLetter& letter : letters) {
    if (!letter.has_key()) {
      ++new_without_key;
    } else if (!keys.contains(letter.change.key())) {
      new_keys.insert(letter.change.key());
    }
    const std::string line = to_json_line(letter);
    if (line.size() > LineReader::kMaxLineBytes) {
      return failed("add dead letters",
                    "a change of " + std::to_string(line.size()) + " bytes is longer than any item");
    }
    text += line;
  }
  if (keys.size() + new_keys.size() + without_key + new_without_key <= options.max_keys) return text;
  return failed("add dead letters",
                fmt::format("more than {} keys would be dead letters; this is no accident of single items: see "
                            "the errors in the file, remove their cause, and run dead-letters replay",
                            options.max_keys));
}

async::Task<Status> DeadLetters::add(std::vector<DeadLetter> letters) {
  if (letters.empty()) co_return Status{};
  const auto turn = co_await impl_->adding_turn.acquire();
  if (impl_->broken) co_return std::unexpected(*impl_->broken);
  const Result<std::string> lines = impl_->lines_of(letters);
  if (!lines) co_return std::unexpected(lines.error());
  const auto append = [this, &lines] { return impl_->append(*lines); };
  Status appended = co_await async::on_disk_thread(append);
  if (!appended) co_return appended;
  impl_->size_bytes += lines->size();
  for (const DeadLetter& letter : letters) impl_->count(letter);
  co_return appended;
}

struct DeadLetters::Walk::State {
  LineReader lines;
  json::Reader reader{};
  std::string line{};
};

DeadLetters::Walk::Walk(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeadLetters::Walk::Walk(Walk&&) noexcept = default;
DeadLetters::Walk::~Walk() = default;

DeadLetters::Walk DeadLetters::walk() const {
  return Walk(std::unique_ptr<Walk::State>(new Walk::State{LineReader(impl_->fd, impl_->options.file)}));
}

Result<std::optional<DeadLetter>> DeadLetters::Walk::next() {
  const auto next = state_->lines.next(state_->line);
  if (!next) return std::unexpected(next.error());
  if (*next == LineReader::Found::kEnd) return std::nullopt;
  auto letter = parse_dead_letter(state_->line, state_->reader);
  if (!letter) return damaged(state_->lines, letter.error());
  return std::move(*letter);
}

Status DeadLetters::Impl::copy_kept(const FileDescriptor& to, FunctionRef<Verdict(DeadLetter&)> decide, Kept& kept) {
  LineReader lines(fd, options.file);
  std::string line;
  while (true) {  // ends with the file's end
    const auto next = lines.next(line);
    if (!next) return std::unexpected(next.error());
    if (*next == LineReader::Found::kEnd) break;
    const std::string original = line + '\n';
    auto letter = parse_dead_letter(line, reader);
    if (!letter) return damaged(lines, letter.error());
    const Verdict verdict = decide(*letter);
    if (verdict == Verdict::kRemove) continue;
    const std::string& text = verdict == Verdict::kKeep ? original : to_json_line(*letter);
    if (auto written = write_all(to, text, options.file); !written) return written;
    if (letter->has_key()) {
      kept.keys.emplace(letter->change.key());
    } else {
      ++kept.without_key;
    }
    ++kept.entries;
    kept.bytes += text.size();
  }
  if (::fsync(to.get()) != 0) return failed("rewrite dead letters", last_system_error());
  return {};
}

Status DeadLetters::rewrite(FunctionRef<Verdict(DeadLetter& letter)> decide) {
  if (impl_->broken) return std::unexpected(*impl_->broken);
  const auto& file = impl_->options.file;
  auto temporary = file;
  temporary += ".new";  // a crash leaves it; the next rewrite overwrites it
  auto fd = open_file(temporary, O_TRUNC);
  if (!fd) return std::unexpected(fd.error());
  Impl::Kept kept;
  auto copied = impl_->copy_kept(*fd, decide, kept);
  if (copied && ::rename(temporary.c_str(), file.c_str()) != 0) {
    copied = impl_->failed("rewrite dead letters", last_system_error());
  }
  if (!copied) {
    ::unlink(temporary.c_str());
    return copied;
  }
  // From here on the new file is the file, whatever happens.
  impl_->fd = std::move(*fd);
  impl_->keys = std::move(kept.keys);
  impl_->without_key = kept.without_key;
  impl_->entries = kept.entries;
  impl_->size_bytes = kept.bytes;
  return sync_folder(folder_of(file));
}

}  // namespace dynamirror::sink
