// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/profiles.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "aws/credentials/impl/ini.hpp"

namespace dynamirror::aws {
namespace {

using Settings = std::map<std::string, std::string>;

/// "profile prod" or `profile "my prod"` -> the name; nothing for sections of another kind ("sso-session …").
std::optional<std::string> config_profile_name(std::string_view section) {
  if (section == "default") return "default";
  constexpr std::string_view kProfile = "profile";
  if (!section.starts_with(kProfile)) return std::nullopt;
  std::string_view name = section.substr(kProfile.size());
  if (name.empty() || (name.front() != ' ' && name.front() != '\t')) return std::nullopt;
  name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  if (name.empty()) return std::nullopt;
  return std::string(name);
}

Result<std::vector<IniSection>> read_sections(const Environment& environment, const std::string& path) {
  auto text = environment.read_file(path);
  if (text) return parse_ini(*text, path);
  if (text.error().error_class == ErrorClass::kNotFound) return std::vector<IniSection>{};
  return std::unexpected(std::move(text.error()));
}

void overlay(std::map<std::string, Settings>& profiles, const std::string& name, const Settings& settings) {
  for (const auto& [key, value] : settings) profiles[name].insert_or_assign(key, value);
  profiles.try_emplace(name);
}

}  // namespace

std::optional<std::string> Profile::setting(std::string_view name) const {
  const auto at = settings_.find(std::string(name));
  if (at == settings_.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

Result<Profiles> Profiles::load(const Environment& environment) {
  const std::string config = environment.expand_home(environment.variable("AWS_CONFIG_FILE").value_or("~/.aws/config"));
  const std::string credentials =
      environment.expand_home(environment.variable("AWS_SHARED_CREDENTIALS_FILE").value_or("~/.aws/credentials"));
  const auto config_sections = read_sections(environment, config);
  if (!config_sections) return std::unexpected(config_sections.error());
  const auto credentials_sections = read_sections(environment, credentials);
  if (!credentials_sections) return std::unexpected(credentials_sections.error());

  std::map<std::string, Settings> merged;
  // "[profile default]" counts more than "[default]", wherever it stands.
  for (const bool plain_default : {true, false}) {
    for (const IniSection& section : *config_sections) {
      const auto name = config_profile_name(section.name);
      if (name && (section.name == "default") == plain_default) overlay(merged, *name, section.properties);
    }
  }
  for (const IniSection& section : *credentials_sections) {
    // Keys belong together: a session token of the other file must not be joined to these.
    if (section.properties.contains("aws_access_key_id")) merged[section.name].erase("aws_session_token");
    overlay(merged, section.name, section.properties);
  }

  Profiles profiles;
  profiles.files_ = config + " and " + credentials;
  for (auto& [name, settings] : merged) profiles.profiles_.emplace(name, Profile(std::move(settings)));
  return profiles;
}

const Profile* Profiles::find(const std::string& name) const {
  const auto at = profiles_.find(name);
  return at == profiles_.end() ? nullptr : &at->second;
}

std::string profile_name(const Environment& environment) {
  return environment.variable("AWS_PROFILE").value_or("default");
}

}  // namespace dynamirror::aws
