// SPDX-License-Identifier: Apache-2.0
#include "objects/impl/folder_listing.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "objects/impl/new_file.hpp"

namespace dynamirror::objects {
namespace {

/// Whether something below `name` (a key, or the beginning of keys when it ends in a slash) may be asked for.
bool wanted(const FolderListing& listing, std::string_view name) {
  if (!name.ends_with('/')) return name.starts_with(listing.prefix) && name > listing.after;
  const bool prefix_fits = name.starts_with(listing.prefix) || listing.prefix.starts_with(name);
  return prefix_fits && (name > listing.after || listing.after.starts_with(name));
}

/// Keys of files and, with a slash behind them, of folders, directly below the folder of `base`.
Result<std::vector<std::string>> entries_of(const FolderListing& listing, const std::string& base) {
  std::vector<std::string> entries;
  const std::filesystem::path folder = listing.folder / base;
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = base + entry->path().filename().string();
    if (std::string_view(name).substr(base.size()).starts_with(kUnfinishedPrefix)) continue;
    std::error_code gone;  // removed since it was listed
    if (entry->is_directory(gone) && !entry->is_symlink(gone)) {
      name += '/';
    } else if (!entry->is_regular_file(gone)) {
      continue;
    }
    if (wanted(listing, name)) entries.push_back(std::move(name));
  }
  const bool absent = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (error && !absent) {
    errno = error.value();
    return file_failure("list folder", folder);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

Result<std::vector<std::string>> list_keys(const FolderListing& listing) {
  std::vector<std::string> keys;
  // What is still to be visited, the next one last: a folder is replaced by its entries.
  std::vector<std::string> pending{""};
  while (!pending.empty() && keys.size() < listing.limit) {
    std::string name = std::move(pending.back());
    pending.pop_back();
    if (!name.empty() && !name.ends_with('/')) {
      keys.push_back(std::move(name));
      continue;
    }
    auto entries = entries_of(listing, name);
    if (!entries) return std::unexpected(std::move(entries.error()));
    pending.insert(pending.end(), std::make_move_iterator(entries->rbegin()), std::make_move_iterator(entries->rend()));
  }
  return keys;
}

}  // namespace dynamirror::objects
