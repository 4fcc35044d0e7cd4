// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/unreadable_record.hpp"
#include "ordering/change_buffer.hpp"
#include "pipeline/ending.hpp"
#include "pipeline/liveness.hpp"
#include "pipeline/write_core.hpp"
#include "pipeline/write_pump.hpp"
#include "sink/change_sink.hpp"
#include "sink/dead_letters.hpp"
#include "sink/letter_box.hpp"
#include "transform/change_rule.hpp"

namespace dynamirror::jobs {

/// The one way from what a job reads to its sink: rules, a bounded buffer that keeps the order of each key, adaptive
/// writers, dead letters, counters, and a watch over whether anything moves.
///
/// Promises
/// - A change meets every rule once, in `push`; what a rule drops counts as filtered by that rule.
/// - A change leaves only when the sink or the dead-letter store has it, or a lease has gone to another worker;
///   `counters` add up at every moment (invariant 4).
/// - When changes wait and none is written for `stall_timeout`, the job ends with a failure that says so.
/// Memory is bounded by `max_bytes` and one page for each reader. Not thread-safe: lives on one event loop.
class Pipeline {
 public:
  using ShardHandle = ordering::ChangeBuffer::ShardHandle;

  /// What it is made of. Everything outlives it.
  struct Parts {
    sink::ChangeSink& sink;
    sink::LetterBox* dead_letters;  ///< null: the first change that the target refuses ends the job
    const Clock& clock;
    Random& random;
    boost::asio::any_io_executor executor;
    Ending& ending;  ///< learns of failures
  };
  struct Options {
    /// Of changes read and not yet written: a few pages. More would not be written any sooner, and would have left the
    /// processor's caches before it is (measured: 24 MiB cost a fifth more CPU time for each record).
    std::size_t max_bytes = 4u << 20;
    std::chrono::milliseconds stall_timeout{300'000};
    bool by_creation = false;  ///< as ordering::ChangeBuffer::Options has it: for sink::GuardedImages
    /// Likewise: for sink::VersionedTables.
    std::function<bool(model::Change& newer, model::Change& older)> combine{};
    WritePump::Options writing{};
  };
  using RuleCount = WriteCore::RuleCount;

  Pipeline(Parts parts, Options options, transform::ChangeRules rules = {});

  /// Says which shard a dead letter, or a stall, is of. REQUIRES: before `start`.
  void name_shards(WriteCore::ShardName name) { core_.name_shards(std::move(name)); }
  /// Says until when a shard's changes may be written. REQUIRES: before `start`.
  void permit_writes(WriteCore::WritePermit permit) { core_.permit_writes(std::move(permit)); }

  /// The pure part of it, for the pure part of a job.
  [[nodiscard]] WriteCore& core() { return core_; }

  // ---- the reading side

  /// A shard of changes in order. One that is read again from an earlier position needs a new handle.
  [[nodiscard]] ShardHandle add_shard() { return core_.add_shard(); }
  /// REQUIRES: `outstanding(shard) == 0`.
  void remove_shard(ShardHandle shard) { core_.remove_shard(shard); }
  /// True while another page may be pushed.
  [[nodiscard]] bool has_room() const { return core_.has_room(); }
  /// Notified when there is room again, and by whoever ends a reader's work.
  [[nodiscard]] async::Signal& room() { return pump_.room(); }
  /// Takes the next change of a shard. `wake_writers` is to be called after the last one of a page.
  /// REQUIRES: its sequence is after every one pushed for this shard before.
  void push(ShardHandle shard, model::Change change) { core_.push(shard, std::move(change)); }
  void wake_writers() { pump_.changes_arrived(); }
  /// Puts records that are no changes into the dead letters, all at once; what then is to come in the order of the
  /// shard is `core().push_set_aside` for each. REQUIRES: `records` outlives the task.
  [[nodiscard]] async::Task<JobResult<void>> set_aside(ShardHandle shard,
                                                       std::span<const model::UnreadableRecord> records);

  // ---- what has become of it

  [[nodiscard]] std::size_t outstanding(ShardHandle shard) const { return core_.outstanding(shard); }
  /// The sequence to checkpoint for this shard, or nothing before the first.
  [[nodiscard]] const std::optional<model::SequenceNumber>& safe(ShardHandle shard) const { return core_.safe(shard); }
  /// Notified whenever changes were settled.
  [[nodiscard]] async::Signal& settled() { return pump_.settled(); }
  [[nodiscard]] const ordering::ChangeBuffer::Counters& counters() const { return core_.counters(); }
  [[nodiscard]] std::size_t held_bytes() const { return core_.held_bytes(); }
  /// When the oldest change was made that the sink lacks; nothing when it lacks none. Looks at each that is held.
  [[nodiscard]] std::optional<WallTime> missing_since() const { return core_.missing_since(); }
  /// In the order of the rules; `counters().filtered` is the sum of what they dropped.
  [[nodiscard]] const std::vector<RuleCount>& rule_counts() const { return core_.rule_counts(); }
  [[nodiscard]] const WriteCore::Statistics& statistics() const { return core_.statistics(); }

  // ---- its life

  /// Begins to write, and to watch.
  void start();
  /// Waits until everything pushed is settled, a failure has come, or `give_up` says true: it is asked after every
  /// settlement, and every tenth of a second.
  [[nodiscard]] async::Task<> drain(std::function<bool()> give_up = [] { return false; });
  /// Ends writing; returns when no write is under way. What is not settled by then is not written, or not known to be.
  /// REQUIRES: no reader pushes any more.
  [[nodiscard]] async::Task<> stop();

 private:
  [[nodiscard]] async::Task<> watch();
  [[nodiscard]] std::optional<Error> stalled();

  Parts parts_;
  std::chrono::milliseconds stall_timeout_;
  WriteCore core_;
  WritePump pump_;
  Liveness liveness_;
  std::uint64_t written_ = 0;  ///< as of the last look at it
  async::TaskGroup tasks_;
};

/// The error of a job in which something has not moved for `limit`. `trouble`: what was said last, or empty.
[[nodiscard]] Error nothing_moves(std::string doing, std::string resource, Duration limit, const std::string& trouble);

}  // namespace dynamirror::jobs
