// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/random.hpp"

namespace dynamirror::objects {

/// Names of files that are being written begin so.
inline constexpr std::string_view kUnfinishedPrefix = ".dynamirror-";

/// Removes the unfinished files, in a folder and two levels below, of processes that were killed: what is being written
/// is locked by its process. What cannot be read or removed stays.
void clear_unfinished_below(const std::filesystem::path& folder);

/// A file that appears under its name only once it is whole and on disk; removed when dropped before. Not thread-safe.
class NewFile {
 public:
  /// Creates missing folders. Errors: those of `file_failure`.
  [[nodiscard]] static Result<std::unique_ptr<NewFile>> create(std::filesystem::path target, Random& random);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Errors: those of `file_failure`; the file is to be dropped then.
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status commit();

 private:
  NewFile(std::filesystem::path target, std::filesystem::path unfinished, FileDescriptor fd)
      : target_(std::move(target)), unfinished_(std::move(unfinished)), fd_(std::move(fd)) {}

  std::filesystem::path target_;
  std::filesystem::path unfinished_;
  FileDescriptor fd_;
  bool committed_ = false;
};

}  // namespace dynamirror::objects
