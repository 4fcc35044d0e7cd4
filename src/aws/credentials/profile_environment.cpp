// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/profile_environment.hpp"

#include <algorithm>
#include <utility>

#include "aws/credentials/profiles.hpp"

namespace dynamirror::aws {
namespace {

constexpr const char* kEndpoint = "AWS_ENDPOINT_URL";
constexpr std::string_view kNestedEndpoint = ".endpoint_url";

constexpr std::pair<const char*, const char*> kSettings[] = {
    {kEndpoint, "endpoint_url"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"},
    {"AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"},
    {"AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"},
    {"AWS_CA_BUNDLE", "ca_bundle"},
};

/// "dynamodb_streams" -> "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"
std::string endpoint_variable(std::string_view service) {
  std::string name = std::string(kEndpoint) + "_";
  for (const char c : service) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

}  // namespace

Result<ProfileEnvironment> ProfileEnvironment::of(const Environment& environment, const std::string& profile) {
  ProfileEnvironment completed(environment);
  const bool named = !profile.empty() || named_profile(environment);
  const std::string name = profile.empty() ? profile_name(environment) : profile;
  const auto profiles = Profiles::load(environment);
  // Files that may not be read are as good as none to who names no profile.
  if (!profiles && !named && profiles.error().error_class == ErrorClass::kDenied) return completed;
  if (!profiles) return std::unexpected(profiles.error());
  const auto own_profile = profiles->find(name);
  if (!own_profile) return std::unexpected(own_profile.error());
  if (*own_profile == nullptr) return completed;

  for (const auto& [variable, setting] : kSettings) {
    const auto value = (*own_profile)->setting(setting);
    if (value) completed.settings_[variable] = {*value, std::string(setting) + " of profile " + name};
  }
  const auto section = (*own_profile)->setting("services");
  if (!section) return completed;
  const auto services = profiles->services(*section);
  if (!services) return std::unexpected(services.error());
  if (*services == nullptr) {
    return failure(ErrorClass::kInvalid, "read profile", name,
                   "there is no section [services " + *section + "] in " + profiles->files());
  }
  for (const auto& [setting, value] : (*services)->settings()) {
    if (!setting.ends_with(kNestedEndpoint) || value.empty() || environment.variable(kEndpoint)) continue;
    const std::string service = setting.substr(0, setting.size() - kNestedEndpoint.size());
    completed.settings_[endpoint_variable(service)] = {value, setting + " of services " + *section};
  }
  return completed;
}

std::optional<std::string> ProfileEnvironment::variable(std::string_view name) const {
  auto value = environment_.variable(name);
  const auto setting = settings_.find(name);
  if (value || setting == settings_.end()) return value;
  return setting->second.value;
}

std::string ProfileEnvironment::origin(std::string_view name) const {
  const auto setting = settings_.find(name);
  if (environment_.variable(name) || setting == settings_.end()) return environment_.origin(name);
  return setting->second.origin;
}

}  // namespace dynamirror::aws
