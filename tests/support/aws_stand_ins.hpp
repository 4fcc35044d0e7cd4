// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "aws/credentials/credentials.hpp"
#include "aws/environment.hpp"

namespace dynamirror::support {

/// An environment made of two maps, which tests fill and change.
class MapEnvironment final : public aws::Environment {
 public:
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  bool plain_http = false;  ///< allowed to other machines

  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const override {
    const auto at = variables.find(std::string(name));
    if (at == variables.end() || at->second.empty()) return std::nullopt;
    return at->second;
  }

  [[nodiscard]] Result<std::string> read_file(const std::string& path) const override {
    const auto at = files.find(path);
    if (at != files.end()) return at->second;
    return failure(ErrorClass::kNotFound, "read file", path, "No such file or directory");
  }

  [[nodiscard]] bool allows_plain_http() const override { return plain_http; }
};

/// Hands out the credentials it is told to, and counts.
class StandInCredentials final : public aws::CredentialsProvider {
 public:
  aws::Credentials current{.access_key_id = "AKIDEXAMPLE",
                           .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                           .session_token = {}};
  std::optional<aws::Credentials> after_invalidation{};
  std::optional<Error> failing{};
  int invalidations = 0;

  [[nodiscard]] async::Task<Result<aws::Credentials>> get() override {
    if (failing) co_return std::unexpected(*failing);
    co_return current;
  }
  void invalidate() override {
    ++invalidations;
    if (after_invalidation) current = *after_invalidation;
  }
  [[nodiscard]] std::string describe() const override { return "a stand-in"; }
};

}  // namespace dynamirror::support
