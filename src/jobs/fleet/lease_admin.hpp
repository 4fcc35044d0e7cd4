// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::jobs {

// What an operator does to leases by hand. Every write is conditional on the row being as it was read, and moves its
// counter: an owner that lives finds out at its next renewal, and then writes nothing more.

/// Which leases an operator means. One of the three.
struct LeaseSelection {
  std::string key{};
  std::string owner{};
  bool all = false;
};

/// Sorted by key. Errors: class not found for a key that is not there, and for an owner of none; `table` is for
/// messages.
[[nodiscard]] Result<std::vector<coordination::Lease>> select_leases(std::span<const coordination::Lease> rows,
                                                                     const LeaseSelection& selection,
                                                                     const std::string& table);

struct LeaseAction {
  enum class Kind {
    kRelease,        ///< takes the owner off: others take it at once
    kSetCheckpoint,  ///< the same, and the work begins again at `checkpoint`
    kRemove,         ///< removes the row
  };
  Kind kind = Kind::kRelease;
  std::string checkpoint{};  ///< kSetCheckpoint
  bool insist = false;       ///< also when its owner renews it, or another one takes it, at the same moment
};

/// What an operator may say: "trim-horizon", "latest", or a sequence number, as a checkpoint.
/// Errors: class invalid.
[[nodiscard]] Result<std::string> parse_reset_position(std::string_view text);

/// Whether the checkpoint of these leases may be set: they are those of shards, whatever their checkpoint is now.
/// Errors: class invalid for a segment's.
[[nodiscard]] Status check_positions(std::span<const coordination::Lease> leases, const std::string& table);

/// The write that does it. Pure.
[[nodiscard]] coordination::LeaseWrite write_for(const LeaseAction& action, const coordination::Lease& as_read);

struct LeaseActionResult {
  bool done = false;
  std::string said;  ///< "released (was w-1)", "left alone: w-2 has taken it" …
};

/// What acting takes; it outlives the task.
struct LeaseActing {
  coordination::LeaseStore& store;
  const Clock& clock;
  Random& random;
};

/// Does it, tried again a few times as long as the row is still what was meant. Errors: those of the store that no
/// later attempt mends.
[[nodiscard]] async::Task<Result<LeaseActionResult>> act_on_lease(LeaseActing acting, coordination::Lease as_read,
                                                                  LeaseAction action);

}  // namespace dynamirror::jobs
