// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "aws/streams/records_page.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/checkpoint.hpp"
#include "model/key.hpp"
#include "model/shard.hpp"
#include "source/poll_pace.hpp"

namespace dynamirror::source {

/// A stream of one table's changes, in shards that split and merge: what readers, keepers and reports need of it,
/// whichever service it is of. Throttling is returned at once to the caller, who paces itself. Not thread-safe: lives
/// on one event loop; calls may overlap.
class ChangeStream {
 public:
  virtual ~ChangeStream() = default;

  /// What checkpoints belong to: another name is another stream, of which they say nothing.
  [[nodiscard]] virtual const StreamArn& arn() const = 0;
  /// For messages, e.g. "eu-west-1/Orders stream 2026-01-01T00:00:00.000".
  [[nodiscard]] virtual std::string describe() const = 0;
  /// Of the table that the changes are of.
  [[nodiscard]] virtual const model::KeySchema& key() const = 0;
  /// For how long a record can be read.
  [[nodiscard]] virtual std::chrono::hours retention() const = 0;

  /// Where a shard begins of which nothing has been read: its oldest record, or the moment that the configuration
  /// names.
  [[nodiscard]] virtual model::Checkpoint beginning() const { return model::TrimHorizon{}; }

  /// Where a shard goes on of which a LATEST was taken at this moment or later, and is lost: not after that.
  [[nodiscard]] virtual model::Checkpoint in_place_of_latest(WallTime /*taken*/) const { return model::TrimHorizon{}; }

  /// How fast one shard may be read.
  [[nodiscard]] virtual ReadPace pace() const { return {}; }

  /// One page of a listing, in no order.
  struct ShardPage {
    std::vector<model::Shard> shards;
    std::optional<ShardId> last;  ///< more pages follow after this shard
    bool enabled = true;          ///< false: nothing new comes, what it holds can be read for as long as `retention`
  };
  [[nodiscard]] virtual async::Task<Result<ShardPage>> list_shards(std::optional<ShardId> after) const = 0;

  /// Where reading starts; it expires when it is not used. REQUIRES: `from` is not the shard's end.
  [[nodiscard]] virtual async::Task<Result<std::string>> iterator(ShardId shard, model::Checkpoint from) const = 0;

  struct Read {
    std::string iterator;
    int limit = 1'000;  ///< records, at most
    ShardId shard;      ///< for messages
  };
  [[nodiscard]] virtual async::Task<Result<aws::RecordsPage>> read(Read what) const = 0;

  /// What became of a shard, by the error that a read of it has met.
  enum class Loss {
    kNone,     ///< nothing is lost: another kind of trouble
    kRecords,  ///< the records at our position are gone; the shard goes on with newer ones
    kShard,    ///< the shard itself is gone
  };
  [[nodiscard]] virtual Loss loss(const Error& error) const = 0;
};

}  // namespace dynamirror::source
