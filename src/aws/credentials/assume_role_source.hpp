// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "aws/credentials/source.hpp"
#include "aws/sts/sts_client.hpp"

namespace dynamirror::aws {

/// Credentials of a role, taken on with other credentials (`base`) through STS.
class AssumeRoleSource final : public CredentialsSource {
 public:
  AssumeRoleSource(SourceContext context, std::string region, AssumeRole role,
                   std::unique_ptr<CredentialsProvider> base)
      : sts_(context, std::move(region)), role_(std::move(role)), base_(std::move(base)) {}

  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override;

 private:
  StsClient sts_;
  AssumeRole role_;
  std::unique_ptr<CredentialsProvider> base_;
};

}  // namespace dynamirror::aws
