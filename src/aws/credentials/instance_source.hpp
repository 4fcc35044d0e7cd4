// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// Credentials of the role attached to an EC2 instance, from its metadata service, version 2 only: version 1 answers to
/// anybody who can make this machine send a GET request. AWS_EC2_METADATA_SERVICE_ENDPOINT and
/// AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE ("IPv6") say where the service is.
/// Source: "Use the Instance Metadata Service to access instance metadata" (EC2 user guide).
class InstanceSource final : public CredentialsSource {
 public:
  explicit InstanceSource(SourceContext context) : context_(context) {}

  /// AWS_EC2_METADATA_DISABLED.
  [[nodiscard]] static bool is_disabled(const Environment& environment);
  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "EC2 instance metadata"; }

 private:
  [[nodiscard]] Result<http::Endpoint> endpoint() const;

  SourceContext context_;
};

}  // namespace dynamirror::aws
