// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/environment.hpp"
#include "base/error.hpp"

namespace dynamirror::aws {

/// The settings of one profile, from both files; where both have one, that of the credentials file counts.
class Profile {
 public:
  explicit Profile(std::map<std::string, std::string> settings) : settings_(std::move(settings)) {}

  /// Nothing when absent or empty.
  [[nodiscard]] std::optional<std::string> setting(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return setting(name).has_value(); }

 private:
  std::map<std::string, std::string> settings_;
};

/// The profiles of the shared config file (AWS_CONFIG_FILE, ~/.aws/config) and the shared credentials file
/// (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials). A value: the files are read once, by `load`.
class Profiles {
 public:
  /// A file that does not exist is an empty one. Errors: class denied or invalid for a file that cannot be read, with
  /// the line where it is not understood.
  [[nodiscard]] static Result<Profiles> load(const Environment& environment);

  [[nodiscard]] const Profile* find(const std::string& name) const;

  /// "a profile is looked for in these files", for messages.
  [[nodiscard]] const std::string& files() const { return files_; }

 private:
  std::map<std::string, Profile> profiles_;
  std::string files_;
};

/// AWS_PROFILE, or "default".
[[nodiscard]] std::string profile_name(const Environment& environment);

}  // namespace dynamirror::aws
