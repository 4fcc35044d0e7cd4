// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "lambda/events.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/change_sink.hpp"

namespace dynamirror::lambda {

/// What one batch has come to.
struct BatchResult {
  /// The sequence numbers of the first change that is not done, of each shard that has one. Empty: all is done.
  std::vector<std::string> not_done{};
  std::optional<Error> why{};  ///< when something is not done
  ordering::ChangeBuffer::Counters changes{};
  std::map<std::string, std::uint64_t> filtered_by{};
  std::uint64_t retries = 0;
  std::chrono::milliseconds lag{};  ///< the largest
  /// Letters that could not be stored, and so are not done; part of `changes.dead_lettered`.
  std::uint64_t letters_lost = 0;
};

/// Times in an invocation. Wall time: it is what Lambda counts by, and a frozen process's steady clock may have stood
/// still.
struct BatchTimes {
  WallTime write_until{};  ///< no write is begun after this
  WallTime answer_by{};    ///< what is under way then is not waited for any more
};

/// Stores the letters of a batch, as one object. `first`: the place of the first one.
using StoreLetters = std::function<async::Task<Status>(std::string lines, std::string first)>;

/// What a batch is applied with. Everything referred to outlives it.
struct BatchParts {
  sink::ChangeSink& sink;
  const Clock& clock;
  Random& random;
  StoreLetters store_letters;  ///< empty: a change that the target refuses is not done
};

/// Applies the changes of one event: the same pipeline as everywhere, from the batch's first change to an answer in
/// time. Nothing of it runs any more when this returns.
///
/// Promise: a change counts as done only when it is in the sink, replaced by a later one that is, filtered by a rule,
/// or in a stored letter; and what is not done is named by the first such change of its shard.
[[nodiscard]] async::Task<BatchResult> apply_batch(BatchParts parts, std::vector<ShardBatch> shards, BatchTimes times,
                                                   transform::ChangeRules rules);

/// Runs work to its end, or until a moment: then it is cancelled, and the answer says that no time was left.
[[nodiscard]] async::Task<Status> until(async::Task<Status> work, WallTime moment, const Clock& clock);

}  // namespace dynamirror::lambda
