// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror {

/// Owns a file descriptor: closes it when destroyed. Not thread-safe.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// Gives the descriptor away.
  [[nodiscard]] int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

/// The system's words for `errno` as it stands, e.g. "No space left on device".
[[nodiscard]] std::string last_system_error();

/// What `errno` says of a call on a local file or folder, as an error of class denied, invalid, or fatal: that is when
/// this machine has no room left for it, be it on the disk or for one more open file. The line then says what to do.
[[nodiscard]] std::unexpected<Error> file_failure(std::string doing, const std::filesystem::path& name);

/// True for the latter: no bug of ours, and worth another try once somebody has made room.
[[nodiscard]] bool has_no_room(const Error& error);

/// Creates a folder and its missing parents (mode 0700, as the XDG base directory specification asks), so that they
/// survive a power cut. Errors: those of `file_failure`.
[[nodiscard]] Status create_folders(const std::filesystem::path& folder);

/// Makes the names in a folder (created, renamed, removed) survive a power cut. Errors: those of `file_failure`.
[[nodiscard]] Status sync_folder(const std::filesystem::path& folder);

/// The folder a file is in; "." for a bare name.
[[nodiscard]] std::filesystem::path folder_of(const std::filesystem::path& file);

/// Writes all bytes at the descriptor's position, however many calls it takes. Errors: those of
/// `file_failure`; some of the bytes may have been written then.
[[nodiscard]] Status write_all(const FileDescriptor& to, std::string_view bytes, const std::filesystem::path& name);

}  // namespace dynamirror
