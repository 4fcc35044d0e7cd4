// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/retry.hpp"
#include "async/task.hpp"
#include "aws/credentials/credentials.hpp"
#include "aws/s3/answers.hpp"
#include "aws/signed_caller.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// What every new object of a client gets; empty means what the bucket gives.
struct S3ObjectSettings {
  std::string sse{};  ///< "AES256", "aws:kms", "aws:kms:dsse"
  std::string kms_key_id{};
  std::string storage_class{};
  std::string acl{};
};

/// The calls of S3 that we use, on one bucket. Bodies are signed, so that S3 itself refuses one damaged on its way.
/// Signs, retries, corrects clock skew and renews credentials as `SignedCaller` does.
///
/// Errors: as `classify_s3_error` says, after retries. Not thread-safe: lives on one event loop; calls may overlap.
/// REQUIRES: what is passed by reference outlives the task (await at once).
/// Source: Amazon S3 API reference, version 2006-03-01.
class S3Client {
 public:
  struct Options {
    http::Endpoint endpoint;  ///< of the region, without the bucket
    Region region;
    std::string bucket;
    bool path_style = false;  ///< the bucket in the path instead of the host name
    S3ObjectSettings settings{};
    /// Nobody above tries again: trouble of a few minutes is waited out here.
    async::RetryPolicy retry{.max_attempts = 10, .give_up_after = std::chrono::minutes(5)};
  };

  /// REQUIRES: transport, credentials, clock and random outlive the client.
  S3Client(Options options, http::Transport& transport, CredentialsProvider& credentials, const Clock& clock,
           Random& random);

  struct Range {
    std::uint64_t first_byte = 0;
    std::optional<std::uint64_t> last_byte{};  ///< included; the object's last when absent
  };
  struct GetObject {
    std::string version_id{};  ///< empty: the newest
    std::optional<Range> range{};
  };
  /// At most `kMaxGetBytes`: larger objects are read range by range.
  [[nodiscard]] async::Task<Result<std::string>> get_object(std::string key, const GetObject& options);
  static constexpr std::uint64_t kMaxGetBytes = 64u << 20;

  [[nodiscard]] async::Task<Result<S3Object>> head_object(std::string key);

  struct ContentKind {
    std::string type;
    std::string encoding{};  ///< may be empty
  };
  /// `not_after`: as http::SendOptions has it; nothing is tried again then, either.
  [[nodiscard]] async::Task<Status> put_object(std::string key, std::string body, const ContentKind& kind,
                                               SteadyTime not_after = kNoDeadline);
  [[nodiscard]] async::Task<Status> delete_object(std::string key, SteadyTime not_after = kNoDeadline);

  [[nodiscard]] async::Task<Result<S3ObjectsPage>> list_objects(std::string prefix, std::string continuation_token);
  [[nodiscard]] async::Task<Result<S3VersionsPage>> list_object_versions(std::string prefix,
                                                                         const S3VersionsPosition& from);

  /// The upload id. After trouble on the way it is asked for again: an upload whose answer was lost stays behind for
  /// the bucket's lifecycle rules.
  [[nodiscard]] async::Task<Result<std::string>> create_multipart_upload(std::string key, const ContentKind& kind);
  /// The part's ETag.
  [[nodiscard]] async::Task<Result<std::string>> upload_part(std::string key, std::string upload_id, int number,
                                                             std::string body);
  struct Completion {
    std::string upload_id;
    std::vector<S3Part> parts;  ///< in order
    std::uint64_t size_bytes;   ///< of all of them
  };
  /// An upload that is gone counts as complete when the object is there with this size and number of parts: then an
  /// earlier attempt has succeeded and its answer was lost.
  [[nodiscard]] async::Task<Status> complete_multipart_upload(std::string key, const Completion& completion);
  /// An upload that is gone already is a success.
  [[nodiscard]] async::Task<Status> abort_multipart_upload(std::string key, std::string upload_id);

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const SignedCaller::Statistics& statistics() const { return caller_.statistics(); }
  /// "s3://bucket/key".
  [[nodiscard]] std::string describe(std::string_view key) const;

 private:
  struct Call;
  [[nodiscard]] http::Request make_request(std::string method, std::string_view key, std::string_view query) const;
  void add_object_headers(http::Headers& headers, const ContentKind& kind) const;
  [[nodiscard]] async::Task<Result<http::Response>> call(Call& call);
  [[nodiscard]] async::Task<Result<S3Object>> try_head(const std::string& key);
  [[nodiscard]] async::Task<bool> was_completed(const std::string& key, const Completion& completion);

  Options options_;
  http::Endpoint host_;  ///< with the bucket, unless that is in the path
  SignedCaller caller_;
};

}  // namespace dynamirror::aws
