// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

namespace dynamirror {
namespace {

/// How often a lock file may vanish under us (its owner removes it when it ends) before we give up.
constexpr int kMaxRaces = 100;

/// Who holds the lock, from the lock file's text; nothing when it is not (yet) written.
std::string holder(const FileDescriptor& lock_file) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(lock_file.get(), text.data(), text.size(), 0);
  long pid = 0;
  if (size > 0 && std::from_chars(text.data(), text.data() + size, pid).ec == std::errc{} && pid > 0) {
    return "process " + std::to_string(pid);
  }
  return "another process";
}

/// True when the name still means the file we have open: its last owner may have removed it between our open and our
/// lock.
bool still_named(const FileDescriptor& fd, const std::filesystem::path& name) {
  struct stat ours{};
  struct stat named{};
  return ::fstat(fd.get(), &ours) == 0 && ::stat(name.c_str(), &named) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

bool write_owner(const FileDescriptor& fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  return ::ftruncate(fd.get(), 0) == 0 &&
         ::pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& guarded) {
  auto lock_file = guarded;
  lock_file += ".lock";
  for (int race = 0; race < kMaxRaces; ++race) {
    FileDescriptor fd(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.is_open()) return failure(ErrorClass::kInvalid, "lock", lock_file.string(), last_system_error());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) {
        return failure(ErrorClass::kInvalid, "lock", lock_file.string(),
                       last_system_error() + "; use a file system that supports file locks");
      }
      return failure(ErrorClass::kConflict, "lock", guarded.string(), "in use by " + holder(fd));
    }
    if (!still_named(fd, lock_file)) continue;
    // The id only serves the other's error message: a full disk must not keep us from running.
    (void)write_owner(fd);
    return FileLock(std::move(fd), std::move(lock_file));
  }
  return failure(ErrorClass::kConflict, "lock", guarded.string(),
                 "in use by processes that start and end all the time");
}

FileLock::~FileLock() {
  // Removed while still locked: whoever opened it meanwhile finds that the name is gone and starts over.
  if (fd_.is_open()) ::unlink(lock_file_.c_str());
}

}  // namespace dynamirror
