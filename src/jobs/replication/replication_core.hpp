// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/strong_id.hpp"
#include "jobs/replication/replicate_options.hpp"
#include "jobs/replication/shard_keeper.hpp"
#include "model/checkpoint.hpp"
#include "ordering/shard_graph.hpp"
#include "pipeline/job_failure.hpp"
#include "pipeline/write_core.hpp"
#include "source/change_stream.hpp"
#include "source/shard_reader.hpp"

namespace dynamirror::jobs {

/// Every decision of a replication about the shards that it reads: what of a page is pushed, what may be written, what
/// is safe to be saved, and what becomes of a shard that has ended, is lost, or is another worker's now.
///
/// Never waits and does no I/O: `Replication` is the coroutines around it, which bring it pages and save what it says;
/// the simulation runs it as it is. Not thread-safe.
class ReplicationCore {
 public:
  using ShardHandle = WriteCore::ShardHandle;

  /// Why a shard is not read any more, though it has not ended.
  enum class Revoked {
    kNo,
    kWindDown,  ///< another worker goes on when what was read of it is written
    kLost,      ///< another worker may have gone on already
  };

  /// One shard, from before its first page until its end is durable.
  struct Shard {
    ShardId id;
    model::Checkpoint from;
    ShardHandle handle = 0;
    std::optional<model::SequenceNumber> pushed{};  ///< the last record given to the buffer
    std::optional<WallTime> newest{};               ///< when its last change was made
    std::optional<model::SequenceNumber> told{};    ///< the last of this run that was to be saved
    bool ended = false;                             ///< there is no page after the last one
    std::optional<source::ChangeStream::Loss> lost{};
    Revoked revoked = Revoked::kNo;
    bool retires = false;           ///< its end is being made durable
    std::size_t empty_answers = 0;  ///< in a row
    std::size_t empty_answers_at_listing = 0;
    SteadyTime answered_at{};  ///< of the last page
  };

  struct Options {
    ReplicateOptions::OnTrim on_trim = ReplicateOptions::OnTrim::kStop;
    std::chrono::hours retention{24};  ///< for messages
  };

  /// REQUIRES: both outlive the core.
  ReplicationCore(WriteCore& writes, const ShardRights& rights, Options options);
  ReplicationCore(const ReplicationCore&) = delete;
  ReplicationCore& operator=(const ReplicationCore&) = delete;

  // ---- what happens to a shard; a reference is good until `remove`, or `give_back`

  [[nodiscard]] Shard& start(const ordering::ShardGraph::Readable& readable);
  /// Reads it no more, if it is being read; see ShardKeeper::Reading.
  void revoke(const ShardId& shard, bool wind_down);
  /// Whether a page is wanted.
  [[nodiscard]] static bool reads(const Shard& shard) {
    return !shard.ended && !shard.lost && shard.revoked == Revoked::kNo;
  }
  /// Takes the next page, unless the shard was revoked meanwhile. REQUIRES: the dead letters have what of it is no
  /// change. Answers why the job has failed, if it has.
  [[nodiscard]] std::optional<JobFailure> page_arrived(Shard& shard, source::ShardReader::Page page, SteadyTime at);
  /// No page comes any more. Answers why the job has failed, or nothing: then what is lost is skipped.
  [[nodiscard]] std::optional<JobFailure> cannot_read_on(Shard& shard, const Error& error,
                                                         source::ChangeStream::Loss loss);

  enum class Next {
    kRetire,    ///< `retire`; once its end is durable, `remove`
    kGiveBack,  ///< `give_back`
    kDrop,      ///< `remove`
  };
  /// What to do with a shard of which nothing more is read, once all that was read of it is settled: nothing before.
  [[nodiscard]] std::optional<Next> at_rest(const Shard& shard) const;
  /// Nothing else of it is to be saved from now on.
  void retire(Shard& shard) { shard.retires = true; }
  void remove(Shard& shard);
  /// Removes it, and says up to where another worker need not repeat it.
  [[nodiscard]] std::optional<model::SequenceNumber> give_back(Shard& shard);

  // ---- what is to be made durable

  /// Shards that are safe further than was told before.
  [[nodiscard]] std::vector<SafeShard> take_safe();
  [[nodiscard]] std::vector<ReadUntil> read_until(SteadyTime steady, WallTime wall) const;
  /// Shards with changes that are not settled.
  [[nodiscard]] std::vector<ShardId> unsettled() const;

  // ---- whether it has caught up

  /// Whether the last answers of a shard brought nothing: as near to its tip as the service lets one see.
  [[nodiscard]] static bool had_nothing(const Shard& shard);
  /// Nothing is held, and no shard has had anything for several answers. `all_started`: see ShardKeeper.
  [[nodiscard]] bool caught_up(bool all_started) const;
  /// All shards were listed once more.
  void listed_anew();
  /// Each shard has answered some more questions with nothing since then.
  [[nodiscard]] bool confirmed() const;

  [[nodiscard]] const std::list<Shard>& shards() const { return shards_; }

 private:
  [[nodiscard]] const Shard* find(ShardHandle handle) const;
  [[nodiscard]] std::optional<JobFailure> pass(Shard& shard, std::span<const model::UnreadableRecord> records);
  [[nodiscard]] std::optional<SteadyTime> write_permit(ShardHandle handle) const;

  WriteCore& writes_;
  const ShardRights& rights_;
  Options options_;
  std::list<Shard> shards_;
  std::vector<const Shard*> of_handle_;  ///< by the buffer's handle; null: none
};

}  // namespace dynamirror::jobs
