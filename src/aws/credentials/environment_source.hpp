// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary keys, AWS_SESSION_TOKEN.
class EnvironmentSource final : public CredentialsSource {
 public:
  /// REQUIRES: `environment` outlives the source.
  explicit EnvironmentSource(const Environment& environment) : environment_(environment) {}

  [[nodiscard]] static bool is_configured(const Environment& environment);
  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "environment"; }

 private:
  const Environment& environment_;
};

}  // namespace dynamirror::aws
