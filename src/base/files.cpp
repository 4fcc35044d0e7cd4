// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace dynamirror {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (is_open()) ::close(fd_);
}

std::string last_system_error() { return std::generic_category().message(errno); }

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

Status sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: some file systems cannot sync a folder because they have nothing to sync.
  if (!fd.is_open() || (::fsync(fd.get()) != 0 && errno != EINVAL)) {
    return failure(ErrorClass::kInvalid, "sync folder", folder.string(), last_system_error());
  }
  return {};
}

Status create_folders(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> missing;  // innermost first
  std::error_code error;
  for (auto at = folder; !at.empty() && !std::filesystem::exists(at, error); at = at.parent_path()) {
    if (error) return failure(ErrorClass::kInvalid, "create folder", folder.string(), error.message());
    if (at.has_filename()) missing.push_back(at);  // a trailing slash leaves an empty last name
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0700) != 0 && errno != EEXIST) {
      return failure(ErrorClass::kInvalid, "create folder", at->string(), last_system_error());
    }
    if (auto synced = sync_folder(folder_of(*at)); !synced) return synced;
  }
  return {};
}

Status write_all(const FileDescriptor& to, std::string_view bytes, const std::filesystem::path& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return failure(ErrorClass::kFatal, "write", name.string(),
                     written == 0 ? "nothing written" : last_system_error());
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace dynamirror
