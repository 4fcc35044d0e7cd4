// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/checkpoint.hpp"
#include "ordering/shard_graph.hpp"
#include "pipeline/job_failure.hpp"
#include "source/change_stream.hpp"

namespace dynamirror::jobs {

/// How far one shard is safe.
struct SafeShard {
  ShardId shard;
  model::SequenceNumber sequence;
};

/// How far a shard has been read in this run, by the calendar.
struct ReadUntil {
  ShardId shard;
  std::optional<WallTime> newest{};       ///< when the newest record that came was made
  std::optional<WallTime> empty_until{};  ///< none has come: the last of several answers that said so
};

/// What this process may do with a shard of the stream, as it is known at this moment.
class ShardRights {
 public:
  virtual ~ShardRights() = default;
  /// Whether unread records of this shard, from this position on, were promised to the target: their loss is a gap.
  [[nodiscard]] virtual bool promised(const ShardId& shard, const model::Checkpoint& reached) const = 0;
  /// Until when changes of a shard may be written; nothing: never again.
  [[nodiscard]] virtual std::optional<SteadyTime> write_until(const ShardId& shard) const = 0;
  /// Whether `write_until` has anything to say.
  [[nodiscard]] virtual bool shares() const = 0;
};

/// Says which shards of a stream this process reads, and makes durable how far each is safe: alone, with a state file
/// (LocalShards), or as one of several workers, with leases (LeasedShards). Not thread-safe.
class ShardKeeper : public ShardRights {
 public:
  /// The replication, as its keeper sees it.
  class Reading {
   public:
    virtual ~Reading() = default;
    /// Reads a shard that is not being read.
    virtual void start(ordering::ShardGraph::Readable shard) = 0;
    /// Reads a shard no more, if it is being read. What was read of it is still written when `wind_down` (then
    /// `given_back` is called); otherwise it is dropped.
    virtual void revoke(const ShardId& shard, bool wind_down) = 0;
    virtual void fail(JobFailure failure) = 0;
  };

  /// Reads what is remembered. Called once, before all else.
  [[nodiscard]] virtual JobResult<void> restore() = 0;
  /// From now on tells `reading` what to read, by tasks of `finding`: these are cancelled before `close`.
  /// REQUIRES: both outlive the tasks.
  virtual void start(Reading& reading, async::TaskGroup& finding) = 0;

  /// Each of these is safe up to a record. Durable soon; `reading` is told if it cannot be.
  virtual void save(std::span<const SafeShard> shards) = 0;
  /// The shards that are being read. Called with every checkpoint; makes durable, now and then, until when the stream
  /// has been read, which the rows of shards without a checkpoint do not say.
  virtual void keep_time(std::span<const ReadUntil> shards) = 0;
  /// The shard has been read to its end, or to where it was lost, and everything read of it is safe. What comes after
  /// it is told to `reading`. Ends when that is durable.
  [[nodiscard]] virtual async::Task<Status> retire(ShardId shard, source::ChangeStream::Loss lost) = 0;
  /// A revoked shard is at rest, safe up to here.
  virtual void given_back(const ShardId& shard, const std::optional<model::SequenceNumber>& safe) = 0;
  /// Nothing is being read or written any more; of `still_writing`, writes were given up that may yet land. Ends when
  /// what is safe is durable, also what was said before (leases: and given away, but for those).
  [[nodiscard]] virtual async::Task<Status> close(std::span<const SafeShard> shards,
                                                  std::span<const ShardId> still_writing) = 0;

  /// Looks anew at what shards there are. True when all were listed, and other workers have caught up with theirs.
  [[nodiscard]] virtual async::Task<bool> refresh() = 0;
  /// Whether there is nothing left to find: every shard that this process is to read is among those being read.
  [[nodiscard]] virtual bool all_started(std::size_t being_read) const = 0;
  /// Shards that are this process's, or nobody's, and wait for their turn.
  [[nodiscard]] virtual std::size_t waiting(std::size_t being_read) const = 0;
  /// What the service said last when shards were listed, when that was trouble; empty when it is over.
  [[nodiscard]] virtual const std::string& last_trouble() const = 0;
  /// Why nothing moves here; nothing when all is well.
  [[nodiscard]] virtual std::optional<Error> stalled(SteadyTime now, Duration limit) = 0;
};

}  // namespace dynamirror::jobs
