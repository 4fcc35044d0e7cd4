// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "async/retry.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"

namespace dynamirror::jobs {

struct ReplayOptions {
  int max_attempts = 8;       ///< for each key
  bool other_target = false;  ///< also letters that another target has refused
  std::string place{};        ///< where the letters are, for messages; empty: in their file
  async::Backoff::Options backoff{.base = std::chrono::milliseconds(50), .cap = std::chrono::milliseconds(5'000)};
};

struct ReplayResult {
  std::uint64_t entries = 0;        ///< letters found
  std::size_t keys = 0;             ///< their keys
  std::size_t applied = 0;          ///< keys whose newest letter the target now has; all their letters are removed
  std::uint64_t superseded = 0;     ///< removed letters that were not written because a newer one of their key was
  std::uint64_t unreadable = 0;     ///< further letters, of records that are no changes: they stay in the file
  std::size_t still_failing = 0;    ///< keys that stay in the file, all letters of them, the newest with its new error
  std::optional<Error> stopped_by;  ///< why the replay ended early: no further write could succeed
};

/// Tries to bring the newest state of every key in a dead-letter file to the target, and removes from the file what the
/// target has. A crash at any moment loses no letter: the file is replaced at once, after the writes, and writing a
/// letter a second time does no harm. The file, being open, is locked against a running replication, so no newer change
/// of its keys can be overtaken.
///
/// A letter whose record is no change cannot be written anywhere, and is left alone; a warning counts them.
///
/// Memory holds, for a while, one batch of changes and a few bytes for each key.
/// Errors: class invalid for a letter of another target (nothing is written then); the file cannot be read or
/// rewritten. A target that cannot be written to is a result (`stopped_by`): what
/// was achieved before is kept. Everything passed is borrowed until the task ends.
[[nodiscard]] async::Task<Result<ReplayResult>> replay_dead_letters(sink::DeadLetters& letters,
                                                                    sink::ChangeSink& target, const Clock& clock,
                                                                    Random& random, const ReplayOptions& options);

}  // namespace dynamirror::jobs
