// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"

namespace dynamirror::jobs {

// What a job says of records that a stream no longer has, and of work that stands still.

/// The table has another stream than the one whose checkpoints we have.
[[nodiscard]] Error replaced_stream(const StreamArn& old, const StreamArn& now);
/// Nobody has read the stream for longer than it keeps its records, and no checkpoint shows what it has lost.
[[nodiscard]] Error away_too_long(const StreamArn& stream, std::chrono::hours retention, WallTime read_until,
                                  WallTime now);
[[nodiscard]] Error stream_turned_off(const StreamArn& stream);

}  // namespace dynamirror::jobs
