// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::jobs {

/// What becomes of a lease. There is no clock in a lease table: whether an owner lives shows only in what it does
/// between two looks.
enum class LeaseState {
  kUnowned,      ///< free for whoever comes
  kOwned,        ///< has an owner; looked at only once
  kRunning,      ///< its owner has renewed it between two looks, or somebody has just taken it
  kSilent,       ///< not renewed between two looks, which were not as far apart as the fail-over time
  kExpired,      ///< not renewed for longer than the fail-over time
  kHandingOver,  ///< its checkpoint owner finishes what it has begun, then its owner goes on
  kFinished,     ///< its shard has been read to the end
};

/// "running", "handing over" …
[[nodiscard]] std::string_view to_string(LeaseState state);

/// How far a lease's checkpoint is behind the newest change: no more than one read of its shard can tell.
struct LeaseLag {
  enum class Kind {
    kBehind,    ///< `age` is that of the first change after the checkpoint
    kCaughtUp,  ///< the next reads of the shard gave nothing
    kTrimmed,   ///< changes after the checkpoint may be gone: it is older than the stream
    kGone,      ///< the stream has no such shard any more
    kUnknown,   ///< could not be read, or the checkpoint says nothing (LATEST)
  };
  Kind kind = Kind::kUnknown;
  std::chrono::milliseconds age{0};
  std::string why{};  ///< of kUnknown
};

/// One lease, as of the second look.
struct LeaseLine {
  coordination::Lease lease;
  LeaseState state = LeaseState::kUnowned;
  std::uint64_t renewals = 0;     ///< how far its counter has moved between the looks
  bool checkpoint_moved = false;  ///< between the looks
  std::optional<LeaseLag> lag{};  ///< when asked for

  /// Who works on it now: while it is handed over, who hands it over. Empty: nobody.
  [[nodiscard]] const std::string& worker() const {
    return lease.checkpoint_owner.empty() ? lease.owner : lease.checkpoint_owner;
  }
};

/// A lease table at a glance.
struct LeaseReport {
  std::vector<LeaseLine> leases{};             ///< by key
  std::map<std::string, std::size_t> workers;  ///< unfinished leases of each
  std::size_t unowned = 0;                     ///< unfinished
  std::size_t finished = 0;
  std::uint64_t foreign = 0;  ///< rows that are no leases
};

struct LeaseLooks {
  std::optional<coordination::LeaseRows> first{};  ///< nothing: looked only once
  coordination::LeaseRows second{};
  std::chrono::milliseconds apart{0};
  std::chrono::milliseconds failover{10'000};
};

/// Pure.
[[nodiscard]] LeaseReport report_leases(LeaseLooks looks);

/// How long to look at leases to see which of them are kept: a little longer than the pause between two renewals,
/// which is a third of the fail-over time.
[[nodiscard]] std::chrono::milliseconds watch_time(std::chrono::milliseconds failover);

/// One attribute of a row, for people.
struct LeaseAttribute {
  std::string name;
  std::string type;     ///< "S", "N", "SS" …
  std::string value;    ///< of texts and numbers their content, of all others their JSON
  std::string meaning;  ///< empty for one that we do not know
};

/// The attributes of a row in wire form, in its order. Errors: class invalid for what is no item.
[[nodiscard]] Result<std::vector<LeaseAttribute>> explain_row(std::string_view item_json);

/// A lease that is kept elsewhere than in DynamoDB, in the form of a row.
[[nodiscard]] std::string row_json(const coordination::Lease& lease);

}  // namespace dynamirror::jobs
