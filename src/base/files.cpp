// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dynamirror {
namespace {

constexpr std::string_view kNoRoom = "NoRoom";

}  // namespace

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

std::unexpected<Error> file_failure(std::string doing, const std::filesystem::path& name) {
  const int reason = errno;
  Error error{.error_class = ErrorClass::kInvalid,
              .doing = std::move(doing),
              .resource = name.string(),
              .code = {},
              .message = std::generic_category().message(reason)};
  const auto is_one_of = [reason](std::initializer_list<int> reasons) {
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
  };
  if (is_one_of({EACCES, EPERM, EROFS})) error.error_class = ErrorClass::kDenied;
  if (!is_one_of({ENOSPC, EDQUOT, EFBIG, EIO, EMFILE, ENFILE})) return std::unexpected(std::move(error));
  error.error_class = ErrorClass::kFatal;
  error.code = kNoRoom;
  const bool files = is_one_of({EMFILE, ENFILE});
  error.message += files ? "; allow more open files (ulimit -n)" : "; free some space, or name a place that has some";
  return std::unexpected(std::move(error));
}

bool has_no_room(const Error& error) { return error.code == kNoRoom; }

std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

Status sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: some file systems cannot sync a folder because they have nothing to sync.
  if (!fd.is_open() || (::fsync(fd.get()) != 0 && errno != EINVAL)) {
    return file_failure("sync folder", folder);
  }
  return {};
}

Status create_folders(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> missing;  // innermost first
  std::error_code error;
  for (auto ancestor = folder; !ancestor.empty() && !std::filesystem::exists(ancestor, error);
       ancestor = ancestor.parent_path()) {
    if (error) return failure(ErrorClass::kInvalid, "create folder", folder.string(), error.message());
    if (ancestor.has_filename()) missing.push_back(ancestor);  // a trailing slash leaves an empty last name
  }
  for (auto next = missing.rbegin(); next != missing.rend(); ++next) {
    if (::mkdir(next->c_str(), 0700) != 0 && errno != EEXIST) {
      return file_failure("create folder", *next);
    }
    if (auto synced = sync_folder(folder_of(*next)); !synced) return synced;
  }
  return {};
}

Status write_all(const FileDescriptor& to, std::string_view bytes, const std::filesystem::path& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_failure("write", name);
    if (written == 0) return failure(ErrorClass::kFatal, "write", name.string(), "nothing written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace dynamirror
