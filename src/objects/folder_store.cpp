// SPDX-License-Identifier: Apache-2.0
#include "objects/folder_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/files.hpp"
#include "objects/impl/folder_listing.hpp"
#include "objects/impl/new_file.hpp"

namespace dynamirror::objects {
namespace {

constexpr const char* kTheVersion = "null";
constexpr std::size_t kMaxNameBytes = NAME_MAX;

std::unexpected<Error> system_failure(const char* doing, std::string resource) {
  // A name that is too long for a file is that of none.
  const bool absent = errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == ENAMETOOLONG;
  if (!absent) return file_failure(doing, resource);
  return failure(ErrorClass::kNotFound, doing, std::move(resource), "there is no such object");
}

WallTime modified_of(const struct stat& file) {
  const auto since_epoch = std::chrono::seconds(file.st_mtim.tv_sec) + std::chrono::nanoseconds(file.st_mtim.tv_nsec);
  return WallTime(std::chrono::duration_cast<WallTime::duration>(since_epoch));
}

/// Every part names a file of its own below the folder.
bool is_safe(std::string_view key) {
  if (key.empty() || key.find('\0') != std::string_view::npos) return false;
  for (std::size_t offset = 0; offset <= key.size();) {
    const std::size_t end = std::min(key.find('/', offset), key.size());
    const std::string_view part = key.substr(offset, end - offset);
    if (part.empty() || part == "." || part == ".." || part.starts_with(kUnfinishedPrefix)) return false;
    offset = end + 1;
  }
  return true;
}

Result<std::string> read_range(const FileDescriptor& file, std::uint64_t first, std::uint64_t count,
                               const std::string& resource) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        ::pread(file.get(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(first + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("get object", resource);
    if (got == 0) break;  // became shorter meanwhile
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

class FolderUpload final : public Upload {
 public:
  explicit FolderUpload(std::unique_ptr<NewFile> file) : file_(std::move(file)) {}

  [[nodiscard]] async::Task<Status> write(std::string bytes) override { co_return file_->write(bytes); }
  [[nodiscard]] async::Task<Status> finish() override {
    Status done = file_->commit();
    file_.reset();
    co_return done;
  }
  [[nodiscard]] async::Task<Status> abort() override {
    file_.reset();
    co_return Status{};
  }

 private:
  std::unique_ptr<NewFile> file_;
};

}  // namespace

std::string FolderStore::describe(std::string_view key) const {
  return "file:" + (key.empty() ? folder_ : folder_ / key).string();
}

Result<std::filesystem::path> FolderStore::path_of(const std::string& key, const char* doing) const {
  if (is_safe(key)) return folder_ / key;
  return failure(ErrorClass::kInvalid, doing, "file:" + folder_.string(),
                 "key \"" + key + "\" cannot be a file below this folder: it has an empty, \".\" or \"..\" part");
}

async::Task<Result<std::string>> FolderStore::get(std::string key, GetOptions options) {
  const auto path = path_of(key, "get object");
  if (!path) co_return std::unexpected(path.error());
  const std::string resource = describe(key);
  if (!options.version_id.empty() && options.version_id != kTheVersion) {
    co_return failure(ErrorClass::kNotFound, "get object", resource, "a folder keeps no versions");
  }
  const FileDescriptor file(::open(path->c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!file.is_open() || ::fstat(file.get(), &info) != 0) co_return system_failure("get object", resource);
  if (!S_ISREG(info.st_mode)) co_return failure(ErrorClass::kNotFound, "get object", resource, "it is no file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::uint64_t first = options.first_byte.value_or(0);
  if (options.first_byte && first >= size) {
    co_return failure(ErrorClass::kInvalid, "get object", resource, "the range begins behind its last byte");
  }
  const std::uint64_t end = std::min(size, options.last_byte ? *options.last_byte + 1 : size);
  co_return read_range(file, first, end - std::min(first, end), resource);
}

async::Task<Result<ObjectInfo>> FolderStore::head(std::string key) {
  const auto path = path_of(key, "head object");
  if (!path) co_return std::unexpected(path.error());
  struct stat info;
  if (::stat(path->c_str(), &info) != 0) co_return system_failure("head object", describe(key));
  if (!S_ISREG(info.st_mode)) co_return failure(ErrorClass::kNotFound, "head object", describe(key), "it is no file");
  ObjectInfo object{
      .key = std::move(key), .size_bytes = static_cast<std::uint64_t>(info.st_size), .modified = modified_of(info)};
  co_return object;
}

Result<std::unique_ptr<NewFile>> FolderStore::create(const std::string& key, const char* doing) {
  auto path = path_of(key, doing);
  if (!path) return std::unexpected(std::move(path.error()));
  const auto is_too_long = [](const std::filesystem::path& part) { return part.native().size() > kMaxNameBytes; };
  if (const auto part = std::find_if(path->begin(), path->end(), is_too_long); part != path->end()) {
    return failure(ErrorClass::kInvalid, doing, describe(key),
                   "a file's name has " + std::to_string(kMaxNameBytes) + " bytes at most, and this one would have " +
                       std::to_string(part->native().size()) + "; give a shorter name, or a bucket");
  }
  if (!std::exchange(cleared_, true)) clear_unfinished_below(folder_);
  return NewFile::create(std::move(*path), random_);
}

async::Task<Status> FolderStore::put(std::string key, std::string body, PutOptions) {
  const auto file = create(key, "put object");
  if (!file) co_return std::unexpected(file.error());
  if (auto written = (*file)->write(body); !written) co_return written;
  co_return (*file)->commit();
}

async::Task<Status> FolderStore::remove_until(std::string key, SteadyTime /*not_after*/) {
  const auto path = path_of(key, "delete object");
  if (!path) co_return std::unexpected(path.error());
  if (::unlink(path->c_str()) == 0) co_return sync_folder(folder_of(*path));
  if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) co_return Status{};
  // A folder is no object: there is nothing to remove.
  if (struct stat info; errno == EISDIR || (::stat(path->c_str(), &info) == 0 && S_ISDIR(info.st_mode))) {
    co_return Status{};
  }
  co_return system_failure("delete object", describe(key));
}

Result<ObjectsPage> FolderStore::page(const std::string& prefix, const std::string& from) const {
  auto keys = list_keys({.folder = folder_, .prefix = prefix, .after = from, .limit = page_size_ + 1});
  if (!keys) return std::unexpected(std::move(keys.error()));
  ObjectsPage page;
  if (keys->size() > page_size_) {
    keys->pop_back();
    page.next = keys->back();
  }
  page.objects.reserve(keys->size());
  for (std::string& key : *keys) {
    struct stat info;
    if (::stat((folder_ / key).c_str(), &info) != 0) continue;  // removed meanwhile
    page.objects.push_back(
        {.key = std::move(key), .size_bytes = static_cast<std::uint64_t>(info.st_size), .modified = modified_of(info)});
  }
  return page;
}

async::Task<Result<ObjectsPage>> FolderStore::list(std::string prefix, std::string from) {
  co_return page(prefix, from);
}

async::Task<Result<VersionsPage>> FolderStore::list_versions(std::string prefix, std::string from) {
  auto objects = page(prefix, from);
  if (!objects) co_return std::unexpected(std::move(objects.error()));
  VersionsPage versions;
  versions.next = std::move(objects->next);
  versions.versions.reserve(objects->objects.size());
  for (ObjectInfo& object : objects->objects) {
    ObjectVersion& version = versions.versions.emplace_back();
    version.key = std::move(object.key);
    version.version_id = kTheVersion;
    version.size_bytes = object.size_bytes;
    version.modified = object.modified;
  }
  co_return versions;
}

async::Task<Result<std::unique_ptr<Upload>>> FolderStore::start_upload(std::string key, PutOptions) {
  auto file = create(key, "put object");
  if (!file) co_return std::unexpected(std::move(file.error()));
  co_return std::make_unique<FolderUpload>(std::move(*file));
}

}  // namespace dynamirror::objects
