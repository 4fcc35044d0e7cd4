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

/// True when a request signed with either means the same to the service, whatever is known of their ends.
[[nodiscard]] inline bool same_keys(const Credentials& left, const Credentials& right) {
  return left.access_key_id == right.access_key_id && left.secret_access_key == right.secret_access_key &&
         left.session_token == right.session_token;
}

/// Where signing keys come from. Not thread-safe: one per event loop, shared by the clients of one side.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;

  /// The best credentials there are: whether they still hold is for the service to say. Errors name every place that
  /// was looked at and what to do.
  [[nodiscard]] virtual async::Task<Result<Credentials>> get() = 0;

  /// The service has refused these: the next `get` must fetch new ones.
  virtual void invalidate() = 0;

  /// What kind of source answers, for one log line: "environment", "profile prod", "web identity", …
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace dynamirror::aws
