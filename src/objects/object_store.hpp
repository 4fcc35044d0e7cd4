// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace dynamirror::objects {

struct ObjectVersion {
  std::string key;
  std::string version_id;  ///< "null" in a bucket that was never versioned
  bool is_latest = true;
  bool is_delete_marker = false;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
};

/// One page of a listing, in key order (and newest version first).
struct VersionsPage {
  std::vector<ObjectVersion> versions;
  std::string next;  ///< to be passed for the next page; empty at the end
};

struct ObjectInfo {
  std::string key;
  std::uint64_t size_bytes = 0;
  WallTime modified{};
};

struct ObjectsPage {
  std::vector<ObjectInfo> objects;
  std::string next;  ///< to be passed for the next page; empty at the end
};

struct GetOptions {
  std::string version_id{};                   ///< empty: the newest
  std::optional<std::uint64_t> first_byte{};  ///< with `last_byte`: only this range, both ends included
  std::optional<std::uint64_t> last_byte{};
};

struct PutOptions {
  std::string content_type = "application/json";
  std::string content_encoding{};
  SteadyTime not_after = kNoDeadline;  ///< as for `remove_until`
};

/// An object being written in parts; nothing of it is visible before `finish`. Dropped unfinished, it leaves an upload
/// that `abort` would have removed: call one of the two.
class Upload {
 public:
  virtual ~Upload() = default;

  /// Takes the next bytes, any amount; sends parts in the background, a bounded number at once (waits for room).
  [[nodiscard]] virtual async::Task<Status> write(std::string bytes) = 0;
  /// Sends the rest and makes the object visible.
  [[nodiscard]] virtual async::Task<Status> finish() = 0;
  /// Removes what was sent.
  [[nodiscard]] virtual async::Task<Status> abort() = 0;
};

/// Objects below one address: an S3 bucket and prefix, or a local folder. Keys are relative to that address
/// ("jobs/1/0"), in listings, too.
///
/// Errors: class not found for an absent object, version or bucket; denied; throttled and transient after retries.
/// Not thread-safe: lives on one event loop; calls may overlap. Within a coroutine, options are put into a variable
/// before they are passed: g++ 12 copies a temporary aggregate bit by bit.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// In S3 at most 64 MiB at once (class invalid): larger objects are read range by range. A range that begins behind
  /// the last byte is class invalid, too.
  [[nodiscard]] virtual async::Task<Result<std::string>> get(std::string key, GetOptions options) = 0;
  [[nodiscard]] virtual async::Task<Result<ObjectInfo>> head(std::string key) = 0;
  [[nodiscard]] virtual async::Task<Status> put(std::string key, std::string body, PutOptions options) = 0;
  /// Removing what is not there succeeds.
  [[nodiscard]] async::Task<Status> remove(std::string key) { return remove_until(std::move(key), kNoDeadline); }
  /// The same, for work that must not be begun late: nothing is sent after `not_after`, not even by a process that
  /// stood still meanwhile (class transient). A folder is not asked over a network, and has no such limit.
  [[nodiscard]] virtual async::Task<Status> remove_until(std::string key, SteadyTime not_after) = 0;

  /// Objects whose key begins with `prefix`. `from`: empty, or `next` of the page before.
  [[nodiscard]] virtual async::Task<Result<ObjectsPage>> list(std::string prefix, std::string from) = 0;
  /// All versions and delete markers. A store without versions lists what is there as the only version.
  [[nodiscard]] virtual async::Task<Result<VersionsPage>> list_versions(std::string prefix, std::string from) = 0;

  [[nodiscard]] virtual async::Task<Result<std::unique_ptr<Upload>>> start_upload(std::string key,
                                                                                  PutOptions options) = 0;

  /// For messages: "s3://bucket/prefix/key".
  [[nodiscard]] virtual std::string describe(std::string_view key) const = 0;

  /// HTTP requests sent, retries included; 0 for a folder.
  [[nodiscard]] virtual std::uint64_t requests() const = 0;
};

}  // namespace dynamirror::objects
