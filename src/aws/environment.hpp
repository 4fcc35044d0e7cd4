// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace dynamirror::aws {

/// What the process's surroundings say about credentials, regions and endpoints, injected so that tests can make their
/// own. Read again for each refresh: files and variables that hold credentials are replaced while we run.
/// Not thread-safe.
class Environment {
 public:
  virtual ~Environment() = default;

  /// A variable; an empty value counts as absent, as it does for the AWS tools.
  [[nodiscard]] virtual std::optional<std::string> variable(std::string_view name) const = 0;

  /// The whole text of a file, at most `kMaxFileBytes`. Errors: class not found, denied or invalid, naming the file.
  [[nodiscard]] virtual Result<std::string> read_file(const std::string& path) const = 0;

  static constexpr std::size_t kMaxFileBytes = 4u << 20;

  /// Whether the user allows plain http to other machines.
  [[nodiscard]] virtual bool allows_plain_http() const { return false; }

  /// True for "true" in any case.
  [[nodiscard]] bool is_true(std::string_view name) const;

  /// A path with a leading "~/" replaced by $HOME.
  [[nodiscard]] std::string expand_home(std::string_view path) const;

  /// Where the value of a variable comes from, for messages.
  [[nodiscard]] virtual std::string origin(std::string_view name) const { return "variable " + std::string(name); }
};

/// The real variables and files; lives as long as the process.
[[nodiscard]] const Environment& process_environment();

}  // namespace dynamirror::aws
