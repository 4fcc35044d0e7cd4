// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "aws/credentials/source.hpp"
#include "aws/impl/clock_skew.hpp"
#include "aws/signing/signer.hpp"

namespace dynamirror::aws {

/// A role to take on, and how.
struct AssumeRole {
  std::string role_arn;
  std::string session_name = "dynamirror";         ///< appears in the logs of the role's account
  std::string external_id{};                       ///< what the role's owner demands; may be empty
  std::optional<std::chrono::seconds> duration{};  ///< STS's default (an hour) when absent
};

/// The two calls of the Security Token Service that we need. Always asks a regional endpoint: the global one is a
/// single point of failure, and does not exist in all partitions. AWS_ENDPOINT_URL_STS and the like are honoured, and
/// so are the settings of the profile.
///
/// Errors: as classified by `classify_error`, after up to three attempts; "AccessDenied" says which role.
/// Not thread-safe.
/// Source: AWS Security Token Service API reference, version 2011-06-15.
class StsClient {
 public:
  /// `region` may be empty or one that is no region of AWS ("local"): then the role's partition decides.
  StsClient(SourceContext context, std::string region);

  [[nodiscard]] async::Task<Result<Credentials>> assume_role(AssumeRole role, Credentials credentials);

  /// The token is the proof: such a request is not signed.
  [[nodiscard]] async::Task<Result<Credentials>> assume_role_with_web_identity(AssumeRole role, Secret token);

 private:
  struct Query {
    std::string operation;
    std::string body;
    std::optional<Credentials> signed_with{};
  };

  [[nodiscard]] async::Task<Result<Credentials>> call(AssumeRole role, Query query);
  [[nodiscard]] std::string region_for(const std::string& role_arn) const;

  SourceContext context_;
  std::string region_;
  ClockSkew skew_;
};

}  // namespace dynamirror::aws
