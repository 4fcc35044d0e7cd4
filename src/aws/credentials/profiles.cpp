// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/profiles.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "aws/credentials/impl/ini.hpp"

namespace dynamirror::aws {
namespace {

/// Of kind "profile": "profile prod" or `profile "my prod"` -> the name; nothing for sections of another kind.
std::optional<std::string> name_of_section(std::string_view section, std::string_view kind) {
  if (!section.starts_with(kind)) return std::nullopt;
  std::string_view name = section.substr(kind.size());
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

}  // namespace

std::optional<std::string> Profile::setting(std::string_view name) const {
  const auto setting = settings_.find(std::string(name));
  if (setting == settings_.end() || setting->second.empty()) return std::nullopt;
  return setting->second;
}

void Profiles::add(Profile& profile, const IniSection& section) {
  // Keys belong together: a session token of another section must not be joined to these.
  if (section.properties.contains("aws_access_key_id")) {
    for (const char* token : {"aws_session_token", "aws_security_token"}) profile.settings_.erase(token);
  }
  for (const auto& [key, value] : section.properties) profile.settings_.insert_or_assign(key, value);
  if (!profile.trouble_) profile.trouble_ = section.trouble;
}

void Profiles::note_stray_lines(const std::vector<IniSection>& sections) {
  for (const IniSection& section : sections) {
    if (section.name.empty()) files_ += " (" + section.trouble->resource + ", " + section.trouble->message + ")";
  }
}

Result<Profiles> Profiles::load(const Environment& environment) {
  const std::string config = environment.expand_home(environment.variable("AWS_CONFIG_FILE").value_or("~/.aws/config"));
  const std::string credentials =
      environment.expand_home(environment.variable("AWS_SHARED_CREDENTIALS_FILE").value_or("~/.aws/credentials"));
  const auto config_sections = read_sections(environment, config);
  if (!config_sections) return std::unexpected(config_sections.error());
  const auto credentials_sections = read_sections(environment, credentials);
  if (!credentials_sections) return std::unexpected(credentials_sections.error());

  Profiles profiles;
  // "[profile default]" counts more than "[default]", wherever it stands.
  for (const IniSection& section : *config_sections) {
    if (section.name == "default") add(profiles.profiles_[section.name], section);
  }
  for (const IniSection& section : *config_sections) {
    if (const auto profile = name_of_section(section.name, "profile")) add(profiles.profiles_[*profile], section);
    if (const auto services = name_of_section(section.name, "services")) add(profiles.services_[*services], section);
  }
  for (const IniSection& section : *credentials_sections) {
    if (!section.name.empty()) add(profiles.profiles_[section.name], section);
  }
  profiles.files_ = config + " and " + credentials;
  profiles.note_stray_lines(*config_sections);
  profiles.note_stray_lines(*credentials_sections);
  return profiles;
}

Result<const Profile*> Profiles::find_in(const std::map<std::string, Profile>& sections, const std::string& name) {
  const auto section = sections.find(name);
  if (section == sections.end()) return nullptr;
  if (section->second.trouble_) return std::unexpected(*section->second.trouble_);
  return &section->second;
}

std::optional<std::string> named_profile(const Environment& environment) {
  auto name = environment.variable("AWS_DEFAULT_PROFILE");
  return name ? name : environment.variable("AWS_PROFILE");
}

std::string profile_name(const Environment& environment) { return named_profile(environment).value_or("default"); }

}  // namespace dynamirror::aws
