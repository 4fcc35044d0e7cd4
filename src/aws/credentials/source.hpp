// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "async/task.hpp"
#include "aws/credentials/credentials.hpp"
#include "aws/environment.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// One place that credentials come from. Fetches anew at each call: `CachingProvider` keeps what it gives.
/// Not thread-safe.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;

  /// Errors: class transient when asking again later may help, otherwise what to do about it. They never hold what was
  /// read, for that is secret.
  [[nodiscard]] virtual async::Task<Result<Credentials>> fetch() = 0;

  /// For one log line: "environment", "profile prod", …
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// What sources need of the world; all of it outlives them.
struct SourceContext {
  const Environment& environment;
  http::Transport& transport;
  const Clock& clock;
  Random& random;
  std::string profile{};  ///< whose settings say how services are reached; empty for that of the environment
};

}  // namespace dynamirror::aws
