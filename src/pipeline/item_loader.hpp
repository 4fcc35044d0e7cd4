// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/key_canonicalizer.hpp"
#include "pipeline/pipeline.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"

namespace dynamirror::jobs {

/// Writes items that come from anywhere but a stream into a sink: with the same batches, retries, adaptive concurrency
/// and dead letters as a replication. Of two items of one key the later given wins.
///
/// Promise: after a successful `finish`, every item given is in the sink or in the dead-letter file.
/// Memory: bounded by `max_bytes` and the item at hand. Not thread-safe: lives on one event loop; `put` may be called
/// by several coroutines.
class ItemLoader {
 public:
  struct Options {
    std::size_t max_bytes = 4u << 20;  ///< of items read and not yet written
    std::size_t max_concurrent_writes = 64;
    /// Two items of one key in a row are an error: a dump has its items in the order of their partition keys, so it is
    /// of a table with a sort key that this one has not, and would lose all but one of each.
    bool refuse_repeated_keys = false;
    std::string_view poison_hint = "--dead-letter FILE sets such items aside";
  };
  /// What it works with. Everything outlives the loader.
  struct Parts {
    model::KeySchema key;
    sink::ChangeSink& sink;
    sink::DeadLetters* dead_letters;  ///< null: the first item refused ends the load
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
  };

  ItemLoader(const Parts& parts, Options options);

  /// Takes an item; waits for room. Errors: class invalid when it lacks the key, or repeats the last one's and may not;
  /// whatever has ended the load.
  [[nodiscard]] async::Task<Status> put(std::string_view item_json);
  /// Deletes the item of a key. Likewise.
  [[nodiscard]] async::Task<Status> remove(std::string_view key_json);

  /// Waits until everything given is settled, and ends the writing. Call it after failures, too. REQUIRES: called once,
  /// and last.
  [[nodiscard]] async::Task<JobResult<void>> finish();

  [[nodiscard]] const ordering::ChangeBuffer::Counters& counters() const { return pipeline_.counters(); }
  [[nodiscard]] const WriteCore::Statistics& statistics() const { return pipeline_.statistics(); }

 private:
  [[nodiscard]] async::Task<Status> push(std::string_view key, std::string_view image);

  const Clock& clock_;
  model::KeyCanonicalizer keys_;
  Ending ending_;
  Pipeline pipeline_;
  Pipeline::ShardHandle shard_;
  std::uint64_t count_ = 0;
  bool refuse_repeated_keys_;
  std::string last_key_;
};

}  // namespace dynamirror::jobs
