// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "aws/credentials/credentials.hpp"
#include "aws/s3/client.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::objects {

/// What the uploads of a store share with it: they may outlive it by the moment that it takes to end them.
struct S3Access {
  std::unique_ptr<aws::CredentialsProvider> credentials;
  aws::S3Client client;

  S3Access(aws::S3Client::Options options, std::unique_ptr<aws::CredentialsProvider> credentials_in,
           http::Transport& transport, const Clock& clock, Random& random)
      : credentials(std::move(credentials_in)), client(std::move(options), transport, *credentials, clock, random) {}
};

/// Objects in an S3 bucket below a prefix. Uploads of at most 8 MiB are one PUT; larger ones are sent in parts, at most
/// four at once, that grow with the object (up to S3's 5 TB), and an upload that fails or is dropped is aborted.
class S3Store final : public ObjectStore {
 public:
  /// REQUIRES: `prefix` is empty or has a slash at its end.
  S3Store(std::shared_ptr<S3Access> access, std::string prefix)
      : access_(std::move(access)), prefix_(std::move(prefix)) {}

  [[nodiscard]] async::Task<Result<std::string>> get(std::string key, GetOptions options) override;
  [[nodiscard]] async::Task<Result<ObjectInfo>> head(std::string key) override;
  [[nodiscard]] async::Task<Status> put(std::string key, std::string body, PutOptions options) override;
  [[nodiscard]] async::Task<Status> remove_until(std::string key, SteadyTime not_after) override;
  [[nodiscard]] async::Task<Result<ObjectsPage>> list(std::string prefix, std::string from) override;
  [[nodiscard]] async::Task<Result<VersionsPage>> list_versions(std::string prefix, std::string from) override;
  [[nodiscard]] async::Task<Result<std::unique_ptr<Upload>>> start_upload(std::string key, PutOptions options) override;
  [[nodiscard]] std::string describe(std::string_view key) const override;
  [[nodiscard]] std::uint64_t requests() const override { return access_->client.statistics().requests; }

 private:
  std::shared_ptr<S3Access> access_;
  std::string prefix_;  ///< empty, or with a slash at its end
};

}  // namespace dynamirror::objects
