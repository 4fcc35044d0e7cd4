// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

// What S3 answers, in our types, and how it is read. Keys are as S3 has them, whatever bytes they hold: listings are
// asked for with `encoding-type=url`, because XML cannot carry all of them.
// Errors of the readers: class transient, since a body that S3 has not written is a matter of the way, not of S3.
namespace dynamirror::aws {

struct S3Object {
  std::string key;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
  std::string etag{};  ///< with its quotes; empty in listings
};

struct S3ObjectsPage {
  std::vector<S3Object> objects;
  std::string continuation_token;  ///< empty at the end
};

struct S3Version {
  std::string key;
  std::string version_id;
  bool is_latest = false;
  bool is_delete_marker = false;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
};

/// Where the next page of versions begins; both empty: at the beginning.
struct S3VersionsPosition {
  std::string key_marker{};
  std::string version_id_marker{};
};

struct S3VersionsPage {
  std::vector<S3Version> versions;  ///< in the order of the answer: by key, the newest first
  bool truncated = false;
  S3VersionsPosition next;  ///< when truncated
};

[[nodiscard]] Result<S3ObjectsPage> parse_list_objects(std::string_view body);
[[nodiscard]] Result<S3VersionsPage> parse_list_versions(std::string_view body);
/// The upload id.
[[nodiscard]] Result<std::string> parse_create_multipart_upload(std::string_view body);

/// One part of a multipart upload, for its completion.
struct S3Part {
  int number = 0;    ///< from 1
  std::string etag;  ///< as answered, with its quotes
};
[[nodiscard]] std::string complete_multipart_upload_body(const std::vector<S3Part>& parts);

}  // namespace dynamirror::aws
