// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/random.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::objects {

/// Objects as files below one folder; "a/b" is file b in folder a. Nothing leads out of the folder: keys with empty,
/// "." or ".." parts are refused (class invalid).
///
/// An object appears whole or not at all, and has survived a power cut once `put` or `finish` succeeds. There is one
/// version of each. What the object is (content type and so on) is not kept. Files that begin with ".dynamirror-" are
/// being written, and are no objects; the first write removes those of processes that are gone. File IO blocks the
/// event loop: meant for small amounts.
class FolderStore final : public ObjectStore {
 public:
  // Each page reads its folders anew, so pages are larger than those of S3.
  static constexpr std::size_t kPageSize = 10'000;

  /// REQUIRES: random outlives the store; page_size > 0. The folder is created by the first write.
  FolderStore(std::filesystem::path folder, Random& random, std::size_t page_size = kPageSize)
      : folder_(std::move(folder)), random_(random), page_size_(page_size) {}

  [[nodiscard]] async::Task<Result<std::string>> get(std::string key, GetOptions options) override;
  [[nodiscard]] async::Task<Result<ObjectInfo>> head(std::string key) override;
  [[nodiscard]] async::Task<Status> put(std::string key, std::string body, PutOptions options) override;
  [[nodiscard]] async::Task<Status> remove_until(std::string key, SteadyTime not_after) override;
  [[nodiscard]] async::Task<Result<ObjectsPage>> list(std::string prefix, std::string from) override;
  [[nodiscard]] async::Task<Result<VersionsPage>> list_versions(std::string prefix, std::string from) override;
  [[nodiscard]] async::Task<Result<std::unique_ptr<Upload>>> start_upload(std::string key, PutOptions options) override;
  [[nodiscard]] std::string describe(std::string_view key) const override;
  [[nodiscard]] std::uint64_t requests() const override { return 0; }

 private:
  [[nodiscard]] Result<std::filesystem::path> path_of(const std::string& key, const char* doing) const;
  [[nodiscard]] Result<std::unique_ptr<class NewFile>> create(const std::string& key, const char* doing);
  [[nodiscard]] Result<ObjectsPage> page(const std::string& prefix, const std::string& from) const;

  std::filesystem::path folder_;
  Random& random_;
  std::size_t page_size_;
  bool cleared_ = false;  ///< of what killed processes have left, before the first write
};

}  // namespace dynamirror::objects
