// SPDX-License-Identifier: Apache-2.0
#include "objects/s3_store.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "objects/impl/s3_upload.hpp"
#include "objects/object_address.hpp"

namespace dynamirror::objects {
namespace {

/// "SIZE:VERSIONKEY", since a key may hold any byte.
std::string position_text(const aws::S3VersionsPosition& position) {
  return std::to_string(position.version_id_marker.size()) + ":" + position.version_id_marker + position.key_marker;
}

Result<aws::S3VersionsPosition> read_position(std::string_view text) {
  if (text.empty()) return aws::S3VersionsPosition{};
  std::size_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [colon, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc{} || colon == end || *colon != ':' || size > static_cast<std::size_t>(end - colon - 1)) {
    return failure(ErrorClass::kInvalid, "list object versions", std::string(text), "not the end of a page");
  }
  const std::string_view rest(colon + 1, end);
  return aws::S3VersionsPosition{.key_marker = std::string(rest.substr(size)),
                                 .version_id_marker = std::string(rest.substr(0, size))};
}

aws::S3Client::ContentKind kind_of(PutOptions options) {
  return {.type = std::move(options.content_type), .encoding = std::move(options.content_encoding)};
}

}  // namespace

std::string S3Store::describe(std::string_view key) const {
  if (!key.empty()) return access_->client.describe(prefix_ + std::string(key));
  return access_->client.describe("") + without_closing_slash("/" + prefix_);
}

async::Task<Result<std::string>> S3Store::get(std::string key, GetOptions options) {
  aws::S3Client::GetObject get{.version_id = std::move(options.version_id)};
  if (options.first_byte || options.last_byte) {
    get.range = aws::S3Client::Range{.first_byte = options.first_byte.value_or(0), .last_byte = options.last_byte};
  }
  co_return co_await access_->client.get_object(prefix_ + key, get);
}

async::Task<Result<ObjectInfo>> S3Store::head(std::string key) {
  auto object = co_await access_->client.head_object(prefix_ + key);
  if (!object) co_return std::unexpected(std::move(object.error()));
  ObjectInfo info{.key = std::move(key), .size_bytes = object->size_bytes, .modified = object->modified};
  co_return info;
}

async::Task<Status> S3Store::put(std::string key, std::string body, PutOptions options) {
  const SteadyTime not_after = options.not_after;
  const auto kind = kind_of(std::move(options));
  co_return co_await access_->client.put_object(prefix_ + key, std::move(body), kind, not_after);
}

async::Task<Status> S3Store::remove_until(std::string key, SteadyTime not_after) {
  co_return co_await access_->client.delete_object(prefix_ + key, not_after);
}

async::Task<Result<ObjectsPage>> S3Store::list(std::string prefix, std::string from) {
  auto listed = co_await access_->client.list_objects(prefix_ + prefix, std::move(from));
  if (!listed) co_return std::unexpected(std::move(listed.error()));
  ObjectsPage page;
  page.next = std::move(listed->continuation_token);
  page.objects.reserve(listed->objects.size());
  for (aws::S3Object& object : listed->objects) {
    if (!object.key.starts_with(prefix_)) continue;  // cannot be, unless the server is broken
    page.objects.push_back(
        {.key = object.key.substr(prefix_.size()), .size_bytes = object.size_bytes, .modified = object.modified});
  }
  co_return page;
}

async::Task<Result<VersionsPage>> S3Store::list_versions(std::string prefix, std::string from) {
  const auto position = read_position(from);
  if (!position) co_return std::unexpected(position.error());
  auto listed = co_await access_->client.list_object_versions(prefix_ + prefix, *position);
  if (!listed) co_return std::unexpected(std::move(listed.error()));
  VersionsPage page;
  if (listed->truncated) page.next = position_text(listed->next);
  page.versions.reserve(listed->versions.size());
  for (aws::S3Version& version : listed->versions) {
    if (!version.key.starts_with(prefix_)) continue;  // cannot be, unless the server is broken
    page.versions.push_back({.key = version.key.substr(prefix_.size()),
                             .version_id = std::move(version.version_id),
                             .is_latest = version.is_latest,
                             .is_delete_marker = version.is_delete_marker,
                             .size_bytes = version.size_bytes,
                             .modified = version.modified});
  }
  co_return page;
}

async::Task<Result<std::unique_ptr<Upload>>> S3Store::start_upload(std::string key, PutOptions options) {
  auto executor = co_await boost::asio::this_coro::executor;
  auto kind = kind_of(std::move(options));
  co_return std::make_unique<S3Upload>(access_, prefix_ + key, std::move(kind), std::move(executor));
}

}  // namespace dynamirror::objects
