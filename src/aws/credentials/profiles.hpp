// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/environment.hpp"
#include "base/error.hpp"

namespace dynamirror::aws {

struct IniSection;

/// The settings of one profile, from both files; where both have one, that of the credentials file counts.
class Profile {
 public:
  /// Nothing when absent or empty. A setting nested below another is named "s3.addressing_style".
  [[nodiscard]] std::optional<std::string> setting(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return setting(name).has_value(); }
  [[nodiscard]] const std::map<std::string, std::string>& settings() const { return settings_; }

 private:
  friend class Profiles;

  std::map<std::string, std::string> settings_;
  std::optional<Error> trouble_;
};

/// The profiles of the shared config file (AWS_CONFIG_FILE, ~/.aws/config) and the shared credentials file
/// (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials). A value: the files are read once, by `load`.
class Profiles {
 public:
  /// A file that does not exist is an empty one. Errors: class denied or invalid for a file that cannot be read.
  [[nodiscard]] static Result<Profiles> load(const Environment& environment);

  /// Null when there is none of that name. Errors: class invalid, with the line of the profile that is not understood;
  /// other profiles of the file are not touched by it.
  [[nodiscard]] Result<const Profile*> find(const std::string& name) const { return find_in(profiles_, name); }

  /// The section [services NAME], which profiles refer to; the same for it.
  [[nodiscard]] Result<const Profile*> services(const std::string& name) const { return find_in(services_, name); }

  /// "a profile is looked for in these files", for messages; with their lines that belong to no section.
  [[nodiscard]] const std::string& files() const { return files_; }

 private:
  static void add(Profile& profile, const IniSection& section);
  static Result<const Profile*> find_in(const std::map<std::string, Profile>& sections, const std::string& name);
  void note_stray_lines(const std::vector<IniSection>& sections);

  std::map<std::string, Profile> profiles_;
  std::map<std::string, Profile> services_;
  std::string files_;
};

/// AWS_DEFAULT_PROFILE or AWS_PROFILE, in botocore's order; nothing when neither names a profile.
[[nodiscard]] std::optional<std::string> named_profile(const Environment& environment);

/// The same, or "default".
[[nodiscard]] std::string profile_name(const Environment& environment);

}  // namespace dynamirror::aws
