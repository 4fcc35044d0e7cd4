// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/make_credentials.hpp"

#include <utility>

#include "aws/credentials/assume_role_source.hpp"
#include "aws/credentials/caching_provider.hpp"
#include "aws/credentials/container_source.hpp"
#include "aws/credentials/environment_source.hpp"
#include "aws/credentials/instance_source.hpp"
#include "aws/credentials/profile_source.hpp"
#include "aws/credentials/web_identity_source.hpp"

namespace dynamirror::aws {
namespace {

using SourceResult = Result<std::unique_ptr<CredentialsSource>>;

constexpr const char* kRemedy =
    "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, or give this machine a role";

std::unexpected<Error> nothing_found(const std::string& looked_at) {
  return failure(ErrorClass::kDenied, "find AWS credentials", "", "none found; looked at: " + looked_at + kRemedy);
}

/// The last place of the chain: when it fails the first time, there are no credentials anywhere.
class LastResortSource final : public CredentialsSource {
 public:
  LastResortSource(SourceContext context, std::string looked_at)
      : instance_(context), looked_at_(std::move(looked_at)) {}

  [[nodiscard]] async::Task<Result<Credentials>> fetch() override {
    auto fetched = co_await instance_.fetch();
    // Once it has answered, a failure is a failure to renew, and may pass.
    if (!fetched && !found_before_) {
      co_return nothing_found(looked_at_ + "; EC2 instance metadata (" + fetched.error().message + ")");
    }
    found_before_ = true;
    co_return fetched;
  }
  [[nodiscard]] std::string describe() const override { return instance_.describe(); }

 private:
  InstanceSource instance_;
  std::string looked_at_;
  bool found_before_ = false;
};

bool has_web_identity(const Environment& environment) {
  return environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE").has_value();
}

SourceResult web_identity_source(SourceContext context, const std::string& region) {
  const Environment& environment = context.environment;
  const auto role_arn = environment.variable("AWS_ROLE_ARN");
  if (!role_arn) {
    return failure(ErrorClass::kInvalid, "get credentials", "web identity",
                   "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN, the role to take on, is not");
  }
  AssumeRole role{.role_arn = *role_arn};
  role.session_name = environment.variable("AWS_ROLE_SESSION_NAME").value_or(role.session_name);
  return std::make_unique<WebIdentitySource>(
      context, region, std::move(role), environment.expand_home(*environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE")));
}

/// The chain without a profile named on the command line.
SourceResult default_source(SourceContext context, const std::string& region) {
  const Environment& environment = context.environment;
  if (EnvironmentSource::is_configured(environment)) return std::make_unique<EnvironmentSource>(environment);

  const auto profiles = Profiles::load(environment);
  if (!profiles) return std::unexpected(profiles.error());
  const std::string name = profile_name(environment);
  const auto profile_in_files = profiles->find(name);
  if (!profile_in_files) return std::unexpected(profile_in_files.error());
  const Profile* const profile = *profile_in_files;
  const bool named = named_profile(environment).has_value();
  if (profile == nullptr && named) return source_of_profile(context, *profiles, name, region);  // says what is missing
  if (profile != nullptr && chains_roles(*profile)) return source_of_profile(context, *profiles, name, region);

  if (has_web_identity(environment)) return web_identity_source(context, region);
  if (profile != nullptr && (named || concerns_credentials(*profile))) {
    return source_of_profile(context, *profiles, name, region);
  }
  if (ContainerSource::is_configured(environment)) return std::make_unique<ContainerSource>(context);

  const std::string looked_at = "environment (AWS_ACCESS_KEY_ID is not set); profile \"" + name + "\" (" +
                                (profile == nullptr ? "not" : "without credentials") + " in " + profiles->files() +
                                "); web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set); container "
                                "(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set)";
  if (InstanceSource::is_disabled(environment)) {
    return nothing_found(looked_at + "; EC2 instance metadata (AWS_EC2_METADATA_DISABLED is true)");
  }
  return std::make_unique<LastResortSource>(context, looked_at);
}

SourceResult side_source(SourceContext context, const SideOptions& options, const std::string& region) {
  if (options.profile.empty()) return default_source(context, region);
  const auto profiles = Profiles::load(context.environment);
  if (!profiles) return std::unexpected(profiles.error());
  return source_of_profile(context, *profiles, options.profile, region);
}

}  // namespace

Result<std::unique_ptr<CredentialsProvider>> make_credentials(const SideOptions& options,
                                                              const Environment& environment,
                                                              http::Transport& transport, const Clock& clock,
                                                              Random& random) {
  if (options.role_arn.empty() && !(options.external_id.empty() && options.role_session_name.empty())) {
    return failure(ErrorClass::kInvalid, "get credentials", "",
                   "an external id or a role session name was given, but no role to use it for");
  }
  const SourceContext context{environment, transport, clock, random, options.profile};
  const std::string region =
      options.region.empty() ? configured_region(environment, options.profile).value_or("") : options.region;
  auto source = side_source(context, options, region);
  if (!source) return std::unexpected(std::move(source.error()));
  auto provider = std::make_unique<CachingProvider>(std::move(*source), clock, random);
  if (options.role_arn.empty()) return provider;

  AssumeRole role{.role_arn = options.role_arn};
  if (!options.role_session_name.empty()) role.session_name = options.role_session_name;
  role.external_id = options.external_id;
  auto assumed = std::make_unique<AssumeRoleSource>(context, region, std::move(role), std::move(provider));
  return std::make_unique<CachingProvider>(std::move(assumed), clock, random);
}

std::optional<std::string> configured_region(const Environment& environment, const std::string& profile) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (auto region = environment.variable(name)) return region;
  }
  const auto profiles = Profiles::load(environment);
  if (!profiles) return std::nullopt;
  const auto profile_in_files = profiles->find(profile.empty() ? profile_name(environment) : profile);
  return profile_in_files && *profile_in_files != nullptr ? (*profile_in_files)->setting("region") : std::nullopt;
}

}  // namespace dynamirror::aws
