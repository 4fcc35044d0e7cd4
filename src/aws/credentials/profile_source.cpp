// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/profile_source.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "aws/credentials/assume_role_source.hpp"
#include "aws/credentials/caching_provider.hpp"
#include "aws/credentials/container_source.hpp"
#include "aws/credentials/environment_source.hpp"
#include "aws/credentials/instance_source.hpp"
#include "aws/credentials/process_source.hpp"
#include "aws/credentials/web_identity_source.hpp"

namespace dynamirror::aws {
namespace {

using SourceResult = Result<std::unique_ptr<CredentialsSource>>;

constexpr int kShortestSession = 900;  // seconds; limits of STS
constexpr int kLongestSession = 43'200;

std::unexpected<Error> bad_profile(const std::string& name, std::string what) {
  return failure(ErrorClass::kInvalid, "get credentials of profile", name, std::move(what));
}

bool has_keys(const Profile& profile) {
  return profile.has("aws_access_key_id") || profile.has("aws_secret_access_key");
}

/// The command by which a person signs in for this profile; null when it needs none.
const char* login_command(const Profile& profile) {
  if (profile.has("sso_session") || profile.has("sso_start_url")) return "aws sso login";
  return profile.has("login_session") ? "aws login" : nullptr;
}

Result<AssumeRole> role_of(const Profile& profile, const std::string& name) {
  AssumeRole role{.role_arn = *profile.setting("role_arn")};
  role.session_name = profile.setting("role_session_name").value_or(role.session_name);
  role.external_id = profile.setting("external_id").value_or("");
  if (const auto text = profile.setting("duration_seconds")) {
    int seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    const bool number = error == std::errc{} && end == text->data() + text->size();
    if (!number || seconds < kShortestSession || seconds > kLongestSession) {
      return bad_profile(name, "duration_seconds is not a number from 900 to 43200");
    }
    role.duration = std::chrono::seconds(seconds);
  }
  return role;
}

/// Follows the references between profiles, each of them once.
class ProfileResolver {
 public:
  ProfileResolver(SourceContext context, const Profiles& profiles, std::string region)
      : context_(context), profiles_(profiles), region_(std::move(region)) {}

  SourceResult resolve(const std::string& name) {
    const auto named = profiles_.find(name);
    if (!named) return std::unexpected(named.error());
    const Profile* const profile = *named;
    if (profile == nullptr) return bad_profile(name, "there is no such profile in " + profiles_.files());
    if (std::find(path_.begin(), path_.end(), name) != path_.end()) return bad_profile(name, loop_text(name));
    path_.push_back(name);
    if (region_.empty()) region_ = profile->setting("region").value_or("");
    // A profile that others build on gives its keys, should it have any: there the chain ends (as in the AWS CLI).
    const bool is_base = path_.size() > 1;
    if (profile->has("role_arn") && !(is_base && has_keys(*profile))) return role_source(*profile, name);
    return plain_source(*profile, name);
  }

 private:
  SourceResult plain_source(const Profile& profile, const std::string& name) {
    if (has_keys(profile)) return std::make_unique<ProfileKeysSource>(context_.environment, name);
    if (const auto command = profile.setting("credential_process"))
      return std::make_unique<ProcessSource>(name, *command);
    if (const char* const login = login_command(profile)) {
      return bad_profile(name, "profiles of \"" + std::string(login) +
                                   "\" are not read directly; let the AWS CLI give the credentials: add a profile with "
                                   "\"credential_process = aws configure export-credentials --profile " +
                                   name + "\", and name that one");
    }
    return bad_profile(name, "it has no keys, role_arn or credential_process (looked in " + profiles_.files() + ")");
  }

  SourceResult role_source(const Profile& profile, const std::string& name) {
    if (profile.has("mfa_serial")) {
      return bad_profile(name,
                         "it needs an MFA code, which nobody is there to type; get temporary credentials another way, "
                         "for instance with \"credential_process = aws configure export-credentials --profile …\"");
    }
    auto role = role_of(profile, name);
    if (!role) return std::unexpected(std::move(role.error()));
    if (const auto token_file = profile.setting("web_identity_token_file")) {
      return std::make_unique<WebIdentitySource>(context_, region_, std::move(*role),
                                                 context_.environment.expand_home(*token_file));
    }
    auto base = base_source(profile, name);
    if (!base) return base;
    return std::make_unique<AssumeRoleSource>(
        context_, region_, std::move(*role),
        std::make_unique<CachingProvider>(std::move(*base), context_.clock, context_.random));
  }

  /// Whose credentials take on the role.
  SourceResult base_source(const Profile& profile, const std::string& name) {
    const auto source_profile = profile.setting("source_profile");
    const auto credential_source = profile.setting("credential_source");
    if (source_profile && credential_source) {
      return bad_profile(name, "it has both source_profile and credential_source; only one can hold");
    }
    if (source_profile) {
      // A profile may name itself: its own keys take on its role.
      if (*source_profile == name && has_keys(profile)) {
        return std::make_unique<ProfileKeysSource>(context_.environment, name);
      }
      return resolve(*source_profile);
    }
    if (!credential_source)
      return bad_profile(name, "role_arn needs a source_profile or a credential_source beside it");
    if (*credential_source == "Environment") return std::make_unique<EnvironmentSource>(context_.environment);
    if (*credential_source == "Ec2InstanceMetadata") return std::make_unique<InstanceSource>(context_);
    if (*credential_source == "EcsContainer") return std::make_unique<ContainerSource>(context_);
    return bad_profile(name, "credential_source is none of Environment, Ec2InstanceMetadata and EcsContainer");
  }

  std::string loop_text(const std::string& name) const {
    std::string text = "source_profile leads in a circle: ";
    for (const std::string& step : path_) text += step + " -> ";
    return text + name;
  }

  SourceContext context_;
  const Profiles& profiles_;
  std::string region_;
  std::vector<std::string> path_;
};

}  // namespace

async::Task<Result<Credentials>> ProfileKeysSource::fetch() {
  const auto profiles = Profiles::load(environment_);
  if (!profiles) co_return std::unexpected(profiles.error());
  const auto named = profiles->find(profile_);
  if (!named) co_return std::unexpected(named.error());
  const Profile* const profile = *named;
  if (profile == nullptr) co_return bad_profile(profile_, "there is no such profile any more in " + profiles->files());
  const auto id = profile->setting("aws_access_key_id");
  const auto secret = profile->setting("aws_secret_access_key");
  if (!id || !secret) {
    co_return bad_profile(profile_, std::string(id ? "aws_secret_access_key" : "aws_access_key_id") +
                                        " is missing in " + profiles->files());
  }
  auto token = profile->setting("aws_security_token");  // the older name, which botocore looks for first
  if (!token) token = profile->setting("aws_session_token");
  co_return Credentials{
      .access_key_id = *id, .secret_access_key = Secret(*secret), .session_token = Secret(token.value_or(""))};
}

SourceResult source_of_profile(SourceContext context, const Profiles& profiles, const std::string& name,
                               const std::string& region) {
  return ProfileResolver(context, profiles, region).resolve(name);
}

bool chains_roles(const Profile& profile) {
  return profile.has("role_arn") && (profile.has("source_profile") || profile.has("credential_source"));
}

bool concerns_credentials(const Profile& profile) {
  return has_keys(profile) || profile.has("role_arn") || profile.has("credential_process") ||
         login_command(profile) != nullptr;
}

}  // namespace dynamirror::aws
