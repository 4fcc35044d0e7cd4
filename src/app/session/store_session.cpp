// SPDX-License-Identifier: Apache-2.0
#include "app/session/store_session.hpp"

#include <algorithm>
#include <thread>

#include "base/iso_time.hpp"

namespace dynamirror::app {

namespace {

/// The same for a bucket's URL: its last part is percent-encoded.
Result<ObjectPlace> split_url(std::string_view url) {
  const auto address = objects::parse_object_address(url);
  if (!address) return std::unexpected(address.error());
  const std::string prefix = objects::without_closing_slash(std::get<objects::S3Address>(*address).prefix);
  if (prefix.empty()) return failure(ErrorClass::kInvalid, "read address", std::string(url), "it names no object");
  return ObjectPlace{std::string(url.substr(0, url.rfind('/'))), prefix.substr(prefix.rfind('/') + 1)};
}

}  // namespace

Result<ObjectPlace> split_place(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  const bool s3 = url.starts_with("s3://");
  if (url.starts_with("https://") || url.starts_with("http://")) return split_url(url);
  const std::size_t begin = s3 ? 5 : url.starts_with("file:") ? 5 : 0;
  const std::size_t slash = url.rfind('/');
  const bool has_name = slash != std::string_view::npos && slash + 1 < url.size() && slash >= begin;
  if (!has_name || (s3 && slash == begin)) {
    return failure(ErrorClass::kInvalid, "read address", std::string(url),
                   "it names no object or folder; write it as s3://bucket/prefix/name or file:/folder/name");
  }
  // With its slash, since "s3://bucket/a/" before "/b" is another folder than "s3://bucket/a".
  return ObjectPlace{std::string(url.substr(0, slash + 1)), std::string(url.substr(slash + 1))};
}

Result<WallTime> parse_moment(const std::string& text) {
  // Without an offset it is UTC, and without a time the beginning of the day.
  for (const char* end : {"", "Z", "T00:00:00Z"}) {
    if (const auto moment = parse_iso_time(text + end)) return *moment;
  }
  return failure(ErrorClass::kInvalid, "read time", text, "write it as 2026-01-31T12:00:00Z");
}

std::size_t cpu_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8); }

}  // namespace dynamirror::app
