// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/concurrency_limit.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "model/unreadable_record.hpp"
#include "ordering/change_buffer.hpp"
#include "pipeline/job_failure.hpp"
#include "pipeline/lag_histogram.hpp"
#include "sink/change_sink.hpp"
#include "sink/letter_box.hpp"
#include "transform/change_rule.hpp"

namespace dynamirror::jobs {

/// Every decision between a change that was read and a change that is settled: which rules it meets, what may be
/// written at this moment, and what an outcome makes of it: applied, tried again after a pause, set aside, or a reason
/// to end the job.
///
/// Promise: a change leaves the buffer only when the target, or the dead-letter store, has it, or its shard is another
/// worker's; one whose letter is on its way there stays in flight. Later changes of a dead-lettered key follow it.
/// Never waits: `Pipeline` and `WritePump` are the coroutines around it, and the simulation runs it as it is. Not
/// thread-safe.
class WriteCore {
 public:
  using ShardHandle = ordering::ChangeBuffer::ShardHandle;
  using InFlight = ordering::ChangeBuffer::InFlight;

  /// What it works with. What is referred to outlives it.
  struct Parts {
    std::string target;                    ///< as `ChangeSink::describe` says
    const sink::Quarantine* dead_letters;  ///< null: the first change that the target refuses ends the job
    const Clock& clock;
    Random& random;
  };
  struct Options {
    ordering::ChangeBuffer::Options buffer{};
    std::string_view poison_hint{};  ///< what a user can do about poison, for messages
    int max_attempts = 90;           ///< to write changes of one key in a row
  };
  /// What one rule has done.
  struct RuleCount {
    std::string_view rule;
    std::uint64_t dropped = 0;
    std::uint64_t rewritten = 0;
  };
  struct Statistics {
    std::uint64_t retries = 0;  ///< changes given back to the buffer to be written again
    LagHistogram lag;           ///< from the change's creation to its acknowledgement (creation has 1 s steps)
    std::string last_trouble;   ///< what the target said when it did not take a change; empty when that is over
    /// By rules of the sink, part of `Counters::superseded`.
    std::map<std::string_view, std::uint64_t> superseded_by;
  };

  WriteCore(Parts parts, Options options, transform::ChangeRules rules);

  /// Says which shard a dead letter, or a stall, is of.
  using ShardName = std::function<ShardId(ShardHandle)>;
  void name_shards(ShardName name) { shard_name_ = std::move(name); }
  /// Until when changes of a shard may be written, as the owner of its lease knows at this moment; nothing when they
  /// may never be: the shard is another worker's, and its changes are released. Without it, everything may always be.
  using WritePermit = std::function<std::optional<SteadyTime>(ShardHandle)>;
  void permit_writes(WritePermit permit) { permit_ = std::move(permit); }

  // ---- in

  [[nodiscard]] ShardHandle add_shard() { return shards_.emplace_back(buffer_.add_shard()); }
  /// REQUIRES: `outstanding(shard) == 0`.
  void remove_shard(ShardHandle shard);
  [[nodiscard]] bool has_room() const { return buffer_.has_room(); }
  /// REQUIRES: its sequence is after every one pushed for this shard before.
  void push(ShardHandle shard, model::Change change);

  /// The letters of records that are no changes. Errors: where there is no place for any, why the job has failed.
  [[nodiscard]] JobResult<std::vector<sink::DeadLetter>> letters_for(
      ShardHandle shard, std::span<const model::UnreadableRecord> records) const;
  /// Passes a record that is no change. REQUIRES: as `push`, and the dead letters have its letter.
  void push_set_aside(ShardHandle shard, const model::SequenceNumber& sequence) {
    buffer_.push_dead_lettered(shard, sequence);
  }

  // ---- out

  /// Changes on their way to the sink.
  struct Batch {
    std::vector<InFlight> changes{};  ///< for the sink, none after `not_after`; may be empty
    SteadyTime not_after = kNoDeadline;
    std::vector<InFlight> set_aside{};  ///< whose keys have dead letters
  };
  /// What may be written now; nothing when that is nothing. What may never be written here is released.
  [[nodiscard]] std::optional<Batch> take(const sink::ChangeSink::Limits& limits);

  /// Changes to be set aside. They stay in flight until `dead_lettered`.
  struct Poison {
    std::vector<sink::DeadLetter> letters{};
    std::vector<ordering::ChangeBuffer::Ticket> tickets{};  ///< of the letters, in their order
  };
  struct Settled {
    async::ConcurrencyLimit::Outcome outcome = async::ConcurrencyLimit::Outcome::kDone;
    std::optional<JobFailure> failure{};  ///< no further write makes sense
    Poison poison{};                      ///< its letters are to be added to the dead letters; mostly none
  };
  /// What has become of a batch. REQUIRES: one outcome for each of its `changes`.
  [[nodiscard]] Settled settle(const Batch& batch, std::span<const sink::Outcome> outcomes);
  /// The dead letters have these.
  void dead_lettered(std::span<const ordering::ChangeBuffer::Ticket> tickets);

  // ---- what is known of it

  /// Changes that the sink, or the dead letters, have taken or found moot: a sign of life, unlike changes that newer
  /// ones have replaced.
  [[nodiscard]] std::uint64_t written() const;
  [[nodiscard]] std::optional<SteadyTime> next_retry() const { return buffer_.next_retry(); }
  [[nodiscard]] std::size_t outstanding(ShardHandle shard) const { return buffer_.outstanding(shard); }
  /// The sequence to checkpoint for this shard, or nothing before the first.
  [[nodiscard]] const std::optional<model::SequenceNumber>& safe(ShardHandle shard) const {
    return buffer_.safe(shard);
  }
  [[nodiscard]] const ordering::ChangeBuffer::Counters& counters() const { return buffer_.counters(); }
  [[nodiscard]] std::size_t held_bytes() const { return buffer_.held_bytes(); }
  [[nodiscard]] std::optional<WallTime> missing_since() const { return buffer_.missing_since(); }
  /// In the order of the rules; `counters().filtered` is the sum of what they dropped.
  [[nodiscard]] const std::vector<RuleCount>& rule_counts() const { return rule_counts_; }
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }
  /// "of shard NAME", of the oldest one with changes that wait, or "to TARGET" where shards have no names.
  [[nodiscard]] std::string what_waits() const;

 private:
  [[nodiscard]] SteadyTime keep_permitted(std::vector<InFlight>& changes);
  [[nodiscard]] std::vector<InFlight> set_aside_quarantined(std::vector<InFlight>& changes) const;
  void applied(const InFlight& item);
  [[nodiscard]] std::optional<JobFailure> try_again(const InFlight& item, const Error& error);
  [[nodiscard]] JobFailure nobody_keeps(const sink::DeadLetter& letter) const;
  [[nodiscard]] sink::DeadLetter letter_for(const InFlight& item, Error error) const;
  [[nodiscard]] ShardId name_of(ShardHandle shard) const { return shard_name_ ? shard_name_(shard) : ShardId(); }

  Parts parts_;
  Options options_;
  transform::ChangeRules rules_;
  std::vector<RuleCount> rule_counts_;
  ordering::ChangeBuffer buffer_;
  std::vector<ShardHandle> shards_;  ///< the oldest first
  ShardName shard_name_;
  WritePermit permit_;
  Statistics statistics_;
};

}  // namespace dynamirror::jobs
