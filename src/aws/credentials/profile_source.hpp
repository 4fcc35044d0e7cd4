// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "aws/credentials/profiles.hpp"
#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// Keys that stand in a profile. The files are read for each fetch: tools that renew temporary keys write them there.
class ProfileKeysSource final : public CredentialsSource {
 public:
  /// REQUIRES: `environment` outlives the source.
  ProfileKeysSource(const Environment& environment, std::string profile)
      : environment_(environment), profile_(std::move(profile)) {}

  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "profile " + profile_; }

 private:
  const Environment& environment_;
  std::string profile_;
};

/// What a profile says about credentials, made into a source: a role (with `source_profile`, `credential_source` or
/// `web_identity_token_file`), keys, or a `credential_process`, looked at in this order. `region` is where to ask STS;
/// the profile's own is taken when it is empty.
///
/// Errors: class invalid for a profile that does not exist, does not lead to credentials, needs a person (`mfa_serial`,
/// SSO) or names itself through a chain of source profiles.
[[nodiscard]] Result<std::unique_ptr<CredentialsSource>> source_of_profile(SourceContext context,
                                                                           const Profiles& profiles,
                                                                           const std::string& name,
                                                                           const std::string& region);

/// True when the profile takes on a role with other credentials: such a profile goes before web identity variables.
[[nodiscard]] bool chains_roles(const Profile& profile);

/// True when there is anything in the profile from which credentials could come, or should have.
[[nodiscard]] bool concerns_credentials(const Profile& profile);

}  // namespace dynamirror::aws
