// SPDX-License-Identifier: Apache-2.0
#include "objects/impl/new_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace dynamirror::objects {

Result<std::unique_ptr<NewFile>> NewFile::create(std::filesystem::path target, Random& random) {
  const std::filesystem::path folder = folder_of(target);
  if (auto created = create_folders(folder); !created) return std::unexpected(std::move(created.error()));
  std::filesystem::path unfinished = folder / fmt::format("{}{:016x}", kUnfinishedPrefix, random.next());
  FileDescriptor fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
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
