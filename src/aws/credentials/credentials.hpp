// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace dynamirror::aws {

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;               ///< empty for long-term keys
  std::optional<WallTime> expires{};  ///< nothing for long-term keys
};

/// Where signing keys come from. Not thread-safe: one per event loop, shared by the clients of one side.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;

  /// Credentials that are valid now. Errors name every place that was looked at and what to do.
  [[nodiscard]] virtual async::Task<Result<Credentials>> get() = 0;

  /// The service has refused these as expired: the next `get` must fetch new ones.
  virtual void invalidate() = 0;

  /// What kind of source answers, for one log line: "environment", "profile prod", "web identity", …
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace dynamirror::aws
