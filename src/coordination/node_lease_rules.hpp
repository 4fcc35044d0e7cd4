// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"
#include "coordination/lease.hpp"
#include "coordination/node_lease_row.hpp"

namespace dynamirror::coordination {

// When leases of the Node.js library's table may change hands. Pure.

/// For how long the library leaves a lease alone that was written just now.
inline constexpr std::chrono::seconds kNodeLeaseTime{15};
/// The fail-over time of a LeaseWorker on such a table, at most: by its own clock it has stopped writing 6 s before a
/// worker of the library may take the lease by another clock.
inline constexpr std::chrono::seconds kNodeFailover{10};
/// By how much clocks may differ: a lease of the library's is taken that much after it has expired. It is the time
/// between two of its renewals: where clocks differ by twice that, its own workers rob each other.
inline constexpr std::chrono::seconds kNodeClockMargin{5};
/// The library looks for shards without a lease, starts a process for one, and reserves it there without looking again,
/// whoever has it by then. While its workers live nobody takes a lease that was made so short a time ago.
inline constexpr std::chrono::seconds kNodeReservation{15};

/// Whether a write's condition holds for the row at the time `now` of our clock. kStartHandOver's never does.
[[nodiscard]] bool node_write_holds(const LeaseWrite& write, const std::optional<NodeLeaseRow>& row, WallTime now);

/// Until when the library is to leave the lease alone after a write. A lease that nobody has is free at once.
/// `node_lives`: workers of the library do, as far as we know.
[[nodiscard]] WallTime node_expiry(const LeaseWrite& write, WallTime now, bool node_lives);

}  // namespace dynamirror::coordination
