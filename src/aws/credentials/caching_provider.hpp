// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/backoff.hpp"
#include "async/signal.hpp"
#include "aws/credentials/source.hpp"

namespace dynamirror::aws {

/// Keeps the credentials of a source and renews them before they expire.
///
/// Promise: at most one fetch at a time, whose outcome all waiting callers share. In the last five minutes of their
/// life credentials are renewed while the old ones still serve; in the last minute everybody waits for the renewal.
/// When it fails, or gives keys that have ended already, the best ones there are serve on, for as long as the service
/// accepts them: in an outage of its metadata service AWS goes on accepting old keys, and this machine's clock may be
/// wrong. After a failure the source is left alone for a pause that grows to a minute. Not thread-safe: lives on one
/// event loop, and must outlive the tasks of `get`.
class CachingProvider final : public CredentialsProvider {
 public:
  /// REQUIRES: clock and random outlive the provider.
  CachingProvider(std::unique_ptr<CredentialsSource> source, const Clock& clock, Random& random);

  [[nodiscard]] async::Task<Result<Credentials>> get() override;
  void invalidate() override;
  [[nodiscard]] std::string describe() const override { return source_->describe(); }

 private:
  enum class Age { kMissing, kFresh, kAging, kEnding };

  [[nodiscard]] Age age() const;
  /// Over when either clock says so: the steady one stands still while a function is frozen.
  [[nodiscard]] bool resting() const {
    return clock_.steady_now() < rest_until_ && clock_.wall_now() < rest_until_wall_;
  }
  void rest_for(Duration pause);
  [[nodiscard]] async::Task<> refresh();

  std::unique_ptr<CredentialsSource> source_;
  const Clock& clock_;
  Random& random_;
  std::optional<Credentials> cached_;
  std::optional<Error> failure_;  ///< of the last fetch; nothing after a success
  async::Backoff backoff_;
  SteadyTime rest_until_{};     ///< no fetch before
  WallTime rest_until_wall_{};  ///< the same moment
  bool refreshing_ = false;
  async::Signal refreshed_;
};

}  // namespace dynamirror::aws
