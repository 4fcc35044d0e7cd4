// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/semaphore.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/change.hpp"
#include "model/checkpoint.hpp"
#include "model/unreadable_record.hpp"
#include "source/change_stream.hpp"
#include "source/poll_pace.hpp"
#include "source/read_position.hpp"

namespace dynamirror::source {

/// How many GetRecords may be under way at once, over all shards of a job: this, times the 1 MB of a page, bounds the
/// memory of reading. Shards that have been quiet have slots of their own, so that hundreds of idle shards being polled
/// do not hold up the busy ones.
struct ReadSlots {
  async::Semaphore busy{8};
  async::Semaphore idle{24};
};

/// Reads one shard from a checkpoint to its end, page by page, at an adaptive pace.
///
/// Promise: changes come in stream order, each once, however iterators expire and calls fail meanwhile: the reader goes
/// on after the last change it has delivered. Not thread-safe.
class ShardReader {
 public:
  struct Options {
    std::chrono::milliseconds idle_poll{1'000};
    int page_limit = 1'000;  ///< records per GetRecords; the service's own limit
  };

  struct Page {
    std::vector<model::Change> changes;  ///< may be empty: that is normal in mid-shard, too
    /// Between the changes, by their sequence numbers.
    std::vector<model::UnreadableRecord> unreadable{};
    bool shard_ended = false;       ///< closed and read to its end: there is nothing after this page
    std::size_t empty_answers = 0;  ///< in a row, this one included
  };

  /// What the readers of one job share.
  struct Context {
    const ChangeStream& stream;
    ReadSlots& slots;
    const Clock& clock;
    Random& random;
  };

  /// REQUIRES: `from` is not ShardEnd; what the context names outlives the reader.
  ShardReader(Context context, ShardId shard, model::Checkpoint from, Options options);

  /// The next page, after the pause that the pace asks for. Throttling and network trouble are waited out, for as long
  /// as they last: the caller watches `last_answer()`. Errors: TrimmedDataAccessException (code kept) when the data at
  /// our position is gone, not found when the whole shard is, and whatever a retry does not mend.
  [[nodiscard]] async::Task<Result<Page>> next();

  /// When the service last answered a read of this shard (at first: when the reader was made).
  [[nodiscard]] SteadyTime last_answer() const { return last_answer_; }
  /// What the service said last, when that was trouble; empty after a good answer.
  [[nodiscard]] const std::string& last_trouble() const { return last_trouble_; }

 private:
  [[nodiscard]] async::Task<Result<aws::RecordsPage>> fetch();
  [[nodiscard]] async::Task<Result<aws::RecordsPage>> fetch_once();
  void note_trouble(const Error& error);

  Context context_;
  ShardId shard_;
  ReadPosition position_;
  Options options_;
  PollPace pace_;
  std::chrono::milliseconds pause_{0};
  std::optional<std::string> iterator_;
  bool ended_ = false;
  WallTime begun_;
  SteadyTime last_answer_;
  std::string last_trouble_;
};

}  // namespace dynamirror::source
