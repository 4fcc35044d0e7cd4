// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dynamirror::aws {

/// A section of a shared config or credentials file. Property names are lower-case; of a repeated name the last counts.
struct IniSection {
  std::string name;  ///< what stands between the brackets, trimmed; empty when no header could be read
  int line = 0;
  /// Settings nested below an empty value ("s3 =") are named "s3.SETTING".
  std::map<std::string, std::string> properties{};
  std::optional<Error> trouble{};  ///< the first line of the section that is not understood
};

/// Reads the INI dialect of the AWS tools as botocore does: "name = value" or "name: value", indented or not; a line
/// that is indented deeper than the setting above it continues its value; "[DEFAULT]" holds what every section of the
/// file has. Beyond botocore, "#" and ";" start a comment after white space, too, as for the other SDKs, unless they
/// stand in quotes. Sections of the same name are left apart, in their order.
///
/// A line that is not understood spoils its section alone: class invalid, naming `file` and the line, never its text,
/// which may be a secret. Sources: botocore's configloader on Python's configparser; "Configuration and credential file
/// settings" (AWS SDKs and tools reference guide).
[[nodiscard]] std::vector<IniSection> parse_ini(std::string_view text, const std::string& file);

}  // namespace dynamirror::aws
