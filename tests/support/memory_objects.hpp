// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "objects/object_store.hpp"

namespace dynamirror::support {

/// A bucket with versions, in memory. Time is what the test says. Not thread-safe.
class MemoryObjects final : public objects::ObjectStore {
 public:
  struct Version {
    std::string id;
    std::optional<std::string> body;  ///< nothing: a delete marker
    WallTime modified{};
  };

  WallTime now{};
  std::size_t page_size = 2;                             ///< small, so that listings have pages
  std::map<std::string, Error> get_errors;               ///< by key or "key?version"
  std::optional<Error> put_error{};                      ///< of every put
  std::map<std::string, std::vector<Version>> versions;  ///< newest last
  std::function<async::Task<>()> after_put;              ///< runs before a `put` is acknowledged
  std::vector<SteadyTime> deadlines;                     ///< of each put and removal
  int heads = 0;                                         ///< calls so far
  int uploads_under_way = 0;                             ///< neither finished nor aborted

  void write(const std::string& key, std::optional<std::string> body) {
    versions[key].push_back({"v" + std::to_string(++count_), std::move(body), now});
  }
  /// As a bucket keeps what was written while it was not versioned: with the id "null", of which there is one a key.
  void write_unversioned(const std::string& key, std::optional<std::string> body) {
    std::vector<Version>& history = versions[key];
    std::erase_if(history, [](const Version& version) { return version.id == "null"; });
    history.push_back({"null", std::move(body), now});
  }
  [[nodiscard]] std::optional<std::string> newest(const std::string& key) const {
    const auto at = versions.find(key);
    return at == versions.end() ? std::nullopt : at->second.back().body;
  }

  [[nodiscard]] async::Task<Result<std::string>> get(std::string key, objects::GetOptions options) override {
    const std::string name = options.version_id.empty() ? key : key + "?" + options.version_id;
    if (const auto error = get_errors.find(name); error != get_errors.end()) co_return std::unexpected(error->second);
    const auto at = versions.find(key);
    if (at == versions.end()) co_return absent(key);
    const Version* found = nullptr;
    for (const Version& version : at->second) {
      if (options.version_id.empty() || version.id == options.version_id) found = &version;
    }
    if (found == nullptr || !found->body) co_return absent(key);
    if (!options.first_byte) co_return *found->body;
    co_return found->body->substr(*options.first_byte, *options.last_byte - *options.first_byte + 1);
  }
  [[nodiscard]] async::Task<Result<objects::ObjectInfo>> head(std::string key) override {
    ++heads;
    const auto body = newest(key);
    if (!body) co_return absent(key);
    co_return objects::ObjectInfo{key, body->size(), versions.at(key).back().modified};
  }
  [[nodiscard]] async::Task<Status> put(std::string key, std::string body, objects::PutOptions options) override {
    deadlines.push_back(options.not_after);
    if (put_error) co_return std::unexpected(*put_error);
    write(key, std::move(body));
    if (after_put) co_await after_put();
    co_return Status{};
  }
  [[nodiscard]] async::Task<Status> remove_until(std::string key, SteadyTime not_after) override {
    deadlines.push_back(not_after);
    write(key, std::nullopt);
    co_return Status{};
  }
  [[nodiscard]] async::Task<Result<objects::ObjectsPage>> list(std::string prefix, std::string from) override {
    objects::ObjectsPage page;
    for (const auto& [key, history] : versions) {
      if (!key.starts_with(prefix) || key <= from || !history.back().body) continue;
      if (page.objects.size() == page_size) {
        page.next = page.objects.back().key;
        break;
      }
      page.objects.push_back({key, history.back().body->size(), history.back().modified});
    }
    co_return page;
  }
  /// `from` is the number of versions that the pages before have given.
  [[nodiscard]] async::Task<Result<objects::VersionsPage>> list_versions(std::string prefix,
                                                                         std::string from) override {
    std::vector<objects::ObjectVersion> all;
    for (const auto& [key, history] : versions) {
      if (!key.starts_with(prefix)) continue;
      for (auto version = history.rbegin(); version != history.rend(); ++version) {
        all.push_back({.key = key,
                       .version_id = version->id,
                       .is_latest = version == history.rbegin(),
                       .is_delete_marker = !version->body,
                       .size_bytes = version->body ? version->body->size() : 0,
                       .modified = version->modified});
      }
    }
    const std::size_t begin = from.empty() ? 0 : std::stoul(from);
    const std::size_t end = std::min(begin + page_size, all.size());
    objects::VersionsPage page;
    page.versions.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                         all.begin() + static_cast<std::ptrdiff_t>(end));
    if (end < all.size()) page.next = std::to_string(end);
    co_return page;
  }
  [[nodiscard]] async::Task<Result<std::unique_ptr<objects::Upload>>> start_upload(
      std::string key, objects::PutOptions /*options*/) override {
    co_return std::make_unique<Writing>(*this, std::move(key));
  }
  [[nodiscard]] std::string describe(std::string_view key) const override { return "memory:" + std::string(key); }
  [[nodiscard]] std::uint64_t requests() const override { return 0; }

 private:
  class Writing final : public objects::Upload {
   public:
    Writing(MemoryObjects& store, std::string key) : store_(store), key_(std::move(key)) { ++store_.uploads_under_way; }
    [[nodiscard]] async::Task<Status> write(std::string bytes) override {
      body_ += bytes;
      co_return Status{};
    }
    [[nodiscard]] async::Task<Status> finish() override {
      store_.write(key_, std::move(body_));
      --store_.uploads_under_way;
      co_return Status{};
    }
    [[nodiscard]] async::Task<Status> abort() override {
      --store_.uploads_under_way;
      co_return Status{};
    }

   private:
    MemoryObjects& store_;
    std::string key_;
    std::string body_;
  };

  static std::unexpected<Error> absent(const std::string& key) {
    return failure(ErrorClass::kNotFound, "get object", "memory:" + key, "there is no such object");
  }

  int count_ = 0;
};

}  // namespace dynamirror::support
