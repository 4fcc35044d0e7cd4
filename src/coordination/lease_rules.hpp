// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

// What the writes of leases mean, for stores that have no conditional writes of their own. Pure.

/// A row as a write leaves it.
struct LeaseRow {
  std::optional<Lease> lease{};  ///< nothing: there is no row
};

/// Nothing when the write's condition does not hold for `row`.
/// REQUIRES: kCreate has a checkpoint; kTake an owner; kStartHandOver both owners.
[[nodiscard]] std::optional<LeaseRow> apply_write(const LeaseWrite& write, const std::optional<Lease>& row);

/// Whether the write counts as a switch of owners: it gives a lease from one worker to another.
[[nodiscard]] bool switches_owner(const LeaseWrite& write);

/// Sorted, each once: what a set of strings keeps.
[[nodiscard]] std::vector<std::string> as_set(std::vector<std::string> strings);

/// Whether a row belongs to a share, by a hash of its key that is the same everywhere.
[[nodiscard]] bool in_share(std::string_view key, LeaseShare share);

/// The error of a write that came too late to be sent: class transient, code "Timeout".
[[nodiscard]] Error too_late_to_write(const std::string& key, std::string store);

}  // namespace dynamirror::coordination
