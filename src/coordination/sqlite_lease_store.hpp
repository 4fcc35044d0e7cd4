// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "async/retry.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

/// Leases in an SQLite file that several processes of one machine share. The file must lie on a local disk: its
/// write-ahead log works through shared memory. Each call is one short transaction on the event loop's disk thread;
/// one that finds the file locked suspends and tries again. Not thread-safe: one event loop, and one instance for each.
class SqliteLeaseStore final : public LeaseStore {
 public:
  struct Options {
    std::filesystem::path file;
    /// Whose leases these are, e.g. the stream; a file of another job is refused. Empty: whosesoever, as long as the
    /// file is there; none is made.
    std::string job;
    std::chrono::milliseconds give_up_after{10'000};
    async::Backoff::Options backoff{.base = std::chrono::milliseconds(2), .cap = std::chrono::milliseconds(100)};
  };

  /// Opens the file, and makes it (readable for this user only) and its folder if there is none and a job is given.
  /// Errors: class not found without a job; class invalid for a file that is not ours, damaged, or of a newer format;
  /// class conflict for one of another job; class throttled when it stays locked. The file is left as it was then.
  /// REQUIRES: clock and random outlive the store.
  [[nodiscard]] static Result<std::unique_ptr<SqliteLeaseStore>> open(Options options, const Clock& clock,
                                                                      Random& random);
  ~SqliteLeaseStore() override;

  [[nodiscard]] async::Task<Result<LeaseRows>> scan(LeaseShare share) override;
  [[nodiscard]] async::Task<Result<std::optional<Lease>>> get(std::string key) override;
  [[nodiscard]] async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) override;

  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] Statistics statistics() const override;  ///< no units

 private:
  struct Impl;
  explicit SqliteLeaseStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::coordination
