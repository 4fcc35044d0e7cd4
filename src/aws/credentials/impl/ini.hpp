// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dynamirror::aws {

/// A section of a shared config or credentials file. Property names are lower-case; of a repeated name the last counts.
struct IniSection {
  std::string name;  ///< what stands between the brackets, trimmed
  int line = 0;
  std::map<std::string, std::string> properties;
};

/// Reads the INI dialect of the AWS tools: "#" and ";" start comments at the beginning of a line or after white space;
/// indented lines continue the value above them, or, below an empty value ("s3 ="), are settings of that name, which
/// none of ours needs and which are skipped. Sections of the same name are left apart, in their order.
///
/// Errors: class invalid, naming `file` and the line, never its text, which may be a secret.
/// Source: "Configuration and credential file settings" (AWS SDKs and tools reference guide).
[[nodiscard]] Result<std::vector<IniSection>> parse_ini(std::string_view text, const std::string& file);

}  // namespace dynamirror::aws
