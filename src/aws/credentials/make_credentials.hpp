// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/credentials/credentials.hpp"
#include "aws/environment.hpp"
#include "base/random.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// How one side (source or target) is to be reached, as the user said it; empty means not said.
struct SideOptions {
  std::string side{};  ///< "source", "target" …: for messages
  std::string profile{};
  std::string role_arn{};           ///< taken on with what the rest of the options leads to
  std::string external_id{};        ///< for `role_arn`
  std::string role_session_name{};  ///< for `role_arn`; "dynamirror" when empty
  std::string region{};             ///< where to ask STS; the profile or the role's partition decides when empty
  std::string streams_endpoint{};   ///< URL of DynamoDB Streams; decided by the table's endpoint when empty
};

/// The credentials of one side, kept and renewed.
///
/// With a profile named, that profile alone is asked. Otherwise, in the order of the AWS CLI: environment variables;
/// the profile of AWS_PROFILE or AWS_DEFAULT_PROFILE (or "default") if it takes on a role; web identity variables; that
/// profile in any other form; container agent; EC2 instance metadata. The first that is configured counts, even if it
/// then fails: falling through to another identity would hide the mistake. Profiles of "aws sso login" and "aws login"
/// are refused with the remedy.
///
/// Errors: class invalid for a configuration that cannot work, class denied when no place has credentials; then the
/// message lists every place. That of the last one, instance metadata, appears only when credentials are first got.
/// REQUIRES: environment, transport, clock and random outlive the provider.
[[nodiscard]] Result<std::unique_ptr<CredentialsProvider>> make_credentials(const SideOptions& options,
                                                                            const Environment& environment,
                                                                            http::Transport& transport,
                                                                            const Clock& clock, Random& random);

/// The region the environment names: AWS_REGION, AWS_DEFAULT_REGION, or that of the profile (empty: `profile_name`).
[[nodiscard]] std::optional<std::string> configured_region(const Environment& environment, const std::string& profile);

}  // namespace dynamirror::aws
