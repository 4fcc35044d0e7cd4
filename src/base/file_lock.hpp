// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"

namespace dynamirror {

/// Keeps a second process away from a file, for as long as this object lives. The operating system drops the lock when
/// the process ends in whatever way.
///
/// The lock is taken on a file beside the guarded one (`<file>.lock`, which holds the owner's process id): the guarded
/// file itself may be replaced by a rename, and its own locks may belong to a database library. On network file systems
/// the lock holds only as far as the mount supports flock(2) between hosts (NFSv4 does, many others and `nolock` mounts
/// do not). Not thread-safe.
class FileLock {
 public:
  /// Errors: class conflict when it is held, by another process or by this one (the message names the process when
  /// known); class invalid when the lock file cannot be made.
  [[nodiscard]] static Result<FileLock> acquire(const std::filesystem::path& guarded);

  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&&) = delete;
  /// Releases the lock and removes the lock file.
  ~FileLock();

 private:
  FileLock(FileDescriptor fd, std::filesystem::path lock_file) : fd_(std::move(fd)), lock_file_(std::move(lock_file)) {}

  FileDescriptor fd_;
  std::filesystem::path lock_file_;
};

}  // namespace dynamirror
