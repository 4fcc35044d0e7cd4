// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "coordination/lease.hpp"

namespace dynamirror::coordination {

/// Which part of a lease table to read: segment `share` of `shares`. 0 of 1 is all of it.
struct LeaseShare {
  std::uint32_t share = 0;
  std::uint32_t shares = 1;
  friend bool operator==(const LeaseShare&, const LeaseShare&) = default;
};

struct LeaseRows {
  std::vector<Lease> leases{};
  std::uint64_t foreign = 0;  ///< rows that are no leases (other entity types, unreadable); they are left alone
};

/// Where leases are kept, for all workers of one job. Not thread-safe: one event loop; calls may overlap, also writes
/// of different rows.
class LeaseStore {
 public:
  enum class Outcome {
    kDone,
    kConflict,  ///< the condition did not hold; nothing was changed
  };

  struct Statistics {
    double read_units = 0;
    double write_units = 0;
    std::uint64_t requests = 0;
  };

  virtual ~LeaseStore() = default;

  /// Reads all rows of a share; those that change meanwhile as they were or as they are (eventually consistent).
  /// Errors: throttled or transient after the store's own attempts (about `give_up_after`); others that no later
  /// attempt mends.
  [[nodiscard]] virtual async::Task<Result<LeaseRows>> scan(LeaseShare share) = 0;

  /// One row as it is now (strongly consistent); nothing when it is not there.
  [[nodiscard]] virtual async::Task<Result<std::optional<Lease>>> get(std::string key) = 0;

  /// One conditional write. Not sent after `not_after`, nor waited for: what was not answered by then is an error.
  /// Errors leave open whether the write landed: `get` tells.
  [[nodiscard]] virtual async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) = 0;

  /// For messages, e.g. "eu-west-1/Orders-leases".
  [[nodiscard]] virtual std::string describe() const = 0;
  [[nodiscard]] virtual Statistics statistics() const = 0;
};

}  // namespace dynamirror::coordination
