// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "aws/credentials/source.hpp"
#include "aws/sts/sts_client.hpp"

namespace dynamirror::aws {

/// Credentials of a role, taken on with a token from a file, which somebody else (Kubernetes, a CI system) keeps fresh:
/// it is read anew for each fetch.
class WebIdentitySource final : public CredentialsSource {
 public:
  WebIdentitySource(SourceContext context, std::string region, AssumeRole role, std::string token_file)
      : environment_(context.environment),
        sts_(context, std::move(region)),
        role_(std::move(role)),
        token_file_(std::move(token_file)) {}

  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "role " + role_.role_arn + " by web identity"; }

 private:
  const Environment& environment_;
  StsClient sts_;
  AssumeRole role_;
  std::string token_file_;
};

}  // namespace dynamirror::aws
