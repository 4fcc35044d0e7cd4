// SPDX-License-Identifier: Apache-2.0
#include "objects/impl/new_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace dynamirror::objects {
namespace {

constexpr int kMaxRaces = 10;  ///< with a process that clears what it takes for left behind
constexpr int kMaxDepth = 2;   ///< objects are called `<job>/<segment>`, `<table>/<id>`, `@tables/<table>/<name>`

void remove_if_left(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  // Removed while it is locked: an owner that locks only now finds that its name is gone, and makes another.
  if (fd.is_open() && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(file.c_str());
}

/// A new file, locked for as long as it is open. Nothing, and errno, when there can be none.
FileDescriptor create_locked(const std::filesystem::path& file) {
  FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  // Where a file system has no locks, nobody takes the file for left behind either.
  if (fd.is_open()) (void)::flock(fd.get(), LOCK_EX);
  return fd;
}

bool has_name(const FileDescriptor& fd) {
  struct stat info;
  return ::fstat(fd.get(), &info) == 0 && info.st_nlink > 0;
}

}  // namespace

void clear_unfinished_below(const std::filesystem::path& folder) {
  using Walk = std::filesystem::recursive_directory_iterator;
  std::error_code error;
  Walk entry(folder, std::filesystem::directory_options::skip_permission_denied, error);
  for (; !error && entry != Walk(); entry.increment(error)) {
    if (entry.depth() == kMaxDepth) entry.disable_recursion_pending();
    if (entry->path().filename().native().starts_with(kUnfinishedPrefix)) remove_if_left(entry->path());
  }
}

Result<std::unique_ptr<NewFile>> NewFile::create(std::filesystem::path target, Random& random) {
  const std::filesystem::path folder = folder_of(target);
  if (auto created = create_folders(folder); !created) return std::unexpected(std::move(created.error()));
  std::filesystem::path unfinished;
  FileDescriptor fd;
  for (int race = 0; race < kMaxRaces; ++race) {
    unfinished = folder / fmt::format("{}{:016x}", kUnfinishedPrefix, random.next());
    fd = create_locked(unfinished);
    if (!fd.is_open() || has_name(fd)) break;
  }
  if (!fd.is_open()) return file_failure("create file", unfinished);
  return std::unique_ptr<NewFile>(new NewFile(std::move(target), std::move(unfinished), std::move(fd)));
}

NewFile::~NewFile() {
  if (!committed_) ::unlink(unfinished_.c_str());
}

Status NewFile::write(std::string_view bytes) { return write_all(fd_, bytes, target_); }

Status NewFile::commit() {
  if (::fsync(fd_.get()) != 0) return file_failure("sync file", target_);
  if (std::rename(unfinished_.c_str(), target_.c_str()) != 0) return file_failure("rename file", target_);
  committed_ = true;
  fd_ = FileDescriptor();
  return sync_folder(folder_of(target_));
}

}  // namespace dynamirror::objects
