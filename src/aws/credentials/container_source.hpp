// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// Credentials of an ECS task or an EKS pod, from the agent that AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (at
/// 169.254.170.2) or AWS_CONTAINER_CREDENTIALS_FULL_URI names. The latter must be https, or lead to this machine or to
/// the agents' own addresses, because the authorization token is sent there. That token comes from
/// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, read anew each time since it is rotated, or
/// AWS_CONTAINER_AUTHORIZATION_TOKEN. Source: "Container credential provider" (AWS SDKs and tools reference guide).
class ContainerSource final : public CredentialsSource {
 public:
  explicit ContainerSource(SourceContext context) : context_(context) {}

  [[nodiscard]] static bool is_configured(const Environment& environment);
  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "container"; }

 private:
  [[nodiscard]] Result<http::Url> location() const;
  [[nodiscard]] Result<std::string> authorization() const;

  SourceContext context_;
};

}  // namespace dynamirror::aws
