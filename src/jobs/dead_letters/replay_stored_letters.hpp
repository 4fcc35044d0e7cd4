// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "jobs/dead_letters/replay_dead_letters.hpp"
#include "jobs/dead_letters/stored_letters.hpp"

namespace dynamirror::jobs {

struct StoredReplayOptions {
  /// The table that the items are read from: letters of others are left alone, for they would delete what is not there.
  std::string table;
  ReplayOptions replay{};
};

struct StoredReplayResult {
  ReplayResult letters{};             ///< of all batches; a key of two batches is counted twice
  std::uint64_t batches = 0;          ///< found
  std::uint64_t removed = 0;          ///< of those: every change in them is applied
  std::uint64_t of_other_tables = 0;  ///< of those: left alone
  std::optional<Error> damaged{};     ///< the first batch that cannot be read; it is left as it is
};

/// Tries the letters that functions have stored, batch by batch, and removes each batch when every change in it is
/// applied, never before. A batch of which something still fails is left as it is, and replayed whole the next time:
/// REQUIRES a target that brings each item as it is now, beside the functions that go on writing
/// (sink::DifferingItems), so that neither the order of batches nor how often they are written matters.
///
/// Errors: the place cannot be read, or not be removed from; a letter of another target. What was achieved is kept. A
/// target that cannot be written to is a result (`letters.stopped_by`). Everything passed is borrowed until the task
/// ends.
[[nodiscard]] async::Task<Result<StoredReplayResult>> replay_stored_letters(StoredLetters& stored,
                                                                            sink::ChangeSink& target,
                                                                            const Clock& clock, Random& random,
                                                                            const StoredReplayOptions& options);

}  // namespace dynamirror::jobs
