// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/environment.hpp"
#include "base/error.hpp"

namespace dynamirror::aws {

/// The environment as a profile completes it: where no variable says how services are reached, the profile's setting
/// does. These are `endpoint_url` (also of a service, in the profile's `services` section),
/// `ignore_configured_endpoint_urls`, `use_fips_endpoint`, `use_dualstack_endpoint` and `ca_bundle`, each under the
/// name of its variable. As in the SDKs every variable goes before every setting, AWS_ENDPOINT_URL also before the
/// setting of a service. Source: "Service-specific endpoints" (AWS SDKs and tools reference guide). Not thread-safe.
class ProfileEnvironment final : public Environment {
 public:
  /// Reads the files once; `profile` is empty for `profile_name`. A profile that does not exist settles nothing: that
  /// is for the credentials to tell. Errors: class denied or invalid, for files, a profile or a `services` section that
  /// cannot be read.
  /// REQUIRES: `environment` outlives the result.
  [[nodiscard]] static Result<ProfileEnvironment> of(const Environment& environment, const std::string& profile);

  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override;
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
    return environment_.read_file(path);
  }
  [[nodiscard]] bool allows_plain_http() const override { return environment_.allows_plain_http(); }
  [[nodiscard]] std::string origin(std::string_view name) const override;

 private:
  explicit ProfileEnvironment(const Environment& environment) : environment_(environment) {}

  struct Setting {
    std::string value;
    std::string origin;  ///< for messages
  };

  const Environment& environment_;
  std::map<std::string, Setting, std::less<>> settings_;  ///< by the variable that each stands in for
};

}  // namespace dynamirror::aws
