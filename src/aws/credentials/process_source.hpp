// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// Credentials that a command prints as JSON (`credential_process` of a profile).
/// Source: "Process credential provider" (AWS SDKs and tools reference guide).
class ProcessSource final : public CredentialsSource {
 public:
  ProcessSource(std::string profile, std::string command)
      : profile_(std::move(profile)), command_(std::move(command)) {}

  [[nodiscard]] async::Task<Result<Credentials>> fetch() override;
  [[nodiscard]] std::string describe() const override { return "credential_process of profile " + profile_; }

 private:
  std::string profile_;
  std::string command_;  ///< may hold secrets as arguments: shown nowhere
};

}  // namespace dynamirror::aws
