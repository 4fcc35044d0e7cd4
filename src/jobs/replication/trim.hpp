// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"

namespace dynamirror::jobs {

// What a job says of records that a stream no longer has, and of work that stands still.

/// For how long a stream keeps its records.
inline constexpr std::chrono::hours kStreamKeeps{24};

/// The service no longer has the records at our position.
[[nodiscard]] bool is_trim(const Error& error);
/// The shard itself is no longer known to the service, not only its oldest records. REQUIRES: is_trim(error).
[[nodiscard]] bool is_shard_gone(const Error& error);

/// The table has another stream than the one whose checkpoints we have.
[[nodiscard]] Error replaced_stream(const StreamArn& old, const StreamArn& now);
/// Nobody has read the stream for longer than it keeps its records, and no checkpoint shows what it has lost.
[[nodiscard]] Error away_too_long(const StreamArn& stream, WallTime read_until, WallTime now);
[[nodiscard]] Error stream_turned_off(const StreamArn& stream);

/// Nothing has moved for the stall time-out. `trouble`: what the service said last, or nothing.
[[nodiscard]] Error nothing_moves(std::string doing, std::string resource, Duration limit, const std::string& trouble);

}  // namespace dynamirror::jobs
