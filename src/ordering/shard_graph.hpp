// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/strong_id.hpp"
#include "model/checkpoint.hpp"
#include "model/shard.hpp"

namespace dynamirror::ordering {

/// Shard lineage of one stream: which shards may be read now, and from where.
///
/// Promises
/// - A shard becomes readable only when each parent is finished (read to its end and every change settled), or is
///   taken as trimmed. Children of a shard that we knew start at TRIM_HORIZON, whatever the initial position.
/// - A shard is given out by `take_readable` once, until `released`.
/// - Listings may be partial, out of order, stale (a shard vanishes and comes back, a parent still listed open beside
///   its child) and paged: what a listing does not say is never taken as a fact, except that a shard absent from two
///   complete listings in a row is taken as trimmed (a parent: from two that show its child, or no longer do). That
///   holds on a fresh start too: no progress could be lost then, but a parent that one listing left out would be read
///   after its child, and older changes would be written over newer ones.
/// - Which shards are known: fresh at TRIM_HORIZON, all that are listed. Fresh at LATEST, the open ones, at LATEST,
///   without their ancestors (a parent listed open beside its child counts as closed), as of the first complete
///   listing, or of the second when the first names parents that it does not show. Afterwards children of known
///   shards at once; and other new shards from TRIM_HORIZON, once a listing is complete and leaves no parent in
///   doubt. An ancestor that turns up when its descendant has been started is left alone: order is lost by reading it
///   late.
/// - LATEST is given out once: if the reader ends before its first checkpoint, nothing says what it has missed, and
///   the shard is read from TRIM_HORIZON.
/// - Links that would close a circle are ignored; nothing recurses.
///
/// Order of durability for the caller: save `take_new_rows`, then `take_readable`; delete `take_forgettable` only
/// when all rows taken before are saved.
///
/// Pure and not thread-safe. Facts: DynamoDB Streams developer guide; KCL's ShardSyncer (see docs/architecture.md).
class ShardGraph {
 public:
  enum class InitialPosition { kTrimHorizon, kLatest };

  struct Readable {
    ShardId shard;
    model::Checkpoint from;        ///< never ShardEnd
    std::vector<ShardId> parents;  ///< for the rows to be saved while it is read
  };

  /// `restored`: what the state store knows; empty on the first start of a replication.
  ShardGraph(InitialPosition initial, std::vector<model::ShardCheckpoint> restored);
  ~ShardGraph();
  ShardGraph(const ShardGraph&) = delete;
  ShardGraph& operator=(const ShardGraph&) = delete;

  /// Merges a listing. `complete` is true when every page of one DescribeStream pass is in `shards` (or was in the
  /// partial listings observed since the last complete one).
  void observe(std::span<const model::Shard> shards, bool complete);

  /// Rows that must be durable before reading goes on: shards that became known, with their first checkpoint. Each
  /// row is given once.
  [[nodiscard]] std::vector<model::ShardCheckpoint> take_new_rows();

  /// Shards that may be read now and are not being read, in order of age (ids begin with the time of creation), whose
  /// rows have been taken.
  [[nodiscard]] std::vector<Readable> take_readable();

  /// A checkpoint became durable. REQUIRES: the shard is known, not finished, and this is not before its last
  /// checkpoint.
  void checkpointed(const ShardId& shard, const model::SequenceNumber& sequence);
  /// SHARD_END became durable: children may start. REQUIRES: the shard is known and not finished.
  void finished(const ShardId& shard);
  /// Its reader has stopped without finishing; the shard can be taken again (from its last durable checkpoint).
  /// REQUIRES: the shard is being read.
  void released(const ShardId& shard);
  /// The service says that the shard's data at our position is gone, and the policy is to go on. Its reader has
  /// stopped, everything it read is settled, and the new checkpoint is durable: TRIM_HORIZON, from where the shard can
  /// be taken again, or, when `shard_gone`, SHARD_END: then it counts as finished. REQUIRES: as `finished`.
  void skip_trimmed(const ShardId& shard, bool shard_gone);

  /// Known, unfinished shards that two complete listings in a row no longer show, nor any child of theirs: their
  /// unread changes may be trimmed, or the rows belong to another stream. The reader's answer decides; this is for
  /// messages.
  [[nodiscard]] std::vector<ShardId> missing() const;

  /// Whether a parent of this shard is neither known, nor trimmed, nor left alone: a later listing decides. Whoever
  /// takes a parent without a row for trimmed must not be given the shard before. REQUIRES: the shard is known.
  [[nodiscard]] bool parent_in_doubt(const ShardId& shard) const;

  /// True while a new listing is wanted soon: none was complete yet, the last one was partial, a finished shard that
  /// is still listed has no known child yet, or a shard's absence needs a second listing to be believed.
  [[nodiscard]] bool wants_listing() const;

  /// Finished shards that no longer matter to anyone: absent from two complete listings in a row, their children
  /// known, and each child past TRIM_HORIZON (until then, a parent that came back would be read again). Oldest first:
  /// rows that cannot be deleted together must be deleted in this order. A finished shard without children is kept:
  /// it tells the next start that there was a start before.
  [[nodiscard]] std::vector<ShardId> take_forgettable();

  /// Shards known and not finished.
  [[nodiscard]] std::size_t unfinished() const;
  [[nodiscard]] std::size_t known() const;
  /// Shards it keeps in memory: known ones, those of the last two listings, and the parents these name.
  [[nodiscard]] std::size_t remembered() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dynamirror::ordering
