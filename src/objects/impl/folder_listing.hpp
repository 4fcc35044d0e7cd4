// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace dynamirror::objects {

struct FolderListing {
  std::filesystem::path folder;
  std::string prefix;  ///< only keys that begin so
  std::string after;   ///< only keys behind this one; empty: from the first
  std::size_t limit;   ///< at most so many
};

/// Keys of the files below a folder in byte order of the whole key ("a-b" < "a/b" < "a0"), which is the order of S3.
/// Files that are being written, and folders behind symbolic links, are left out; a folder that is not there is empty.
/// Errors: class denied or invalid, naming the folder that cannot be read.
[[nodiscard]] Result<std::vector<std::string>> list_keys(const FolderListing& listing);

}  // namespace dynamirror::objects
