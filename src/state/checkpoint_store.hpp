// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "model/checkpoint.hpp"

namespace dynamirror::state {

/// Remembers, durably, how far each shard of one stream is safe. What it has answered "ok" to survives SIGKILL and a
/// power cut. Not thread-safe.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  /// Every row of this replication and stream, in no order.
  [[nodiscard]] virtual Result<std::vector<model::ShardCheckpoint>> load(const StreamArn& stream) = 0;

  /// Inserts or replaces rows, all or none.
  [[nodiscard]] virtual Status save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) = 0;

  /// Removes rows, all or none; rows that are not there are no error.
  [[nodiscard]] virtual Status remove(const StreamArn& stream, std::span<const ShardId> shards) = 0;

  /// The streams that have rows: more than one after the source table's stream was turned off and on again.
  [[nodiscard]] virtual Result<std::vector<StreamArn>> streams() = 0;

  /// Until when all records of shards whose rows name no record have been read, to the second; nothing when that was
  /// never saved.
  [[nodiscard]] virtual Result<std::optional<WallTime>> read_until() = 0;
  [[nodiscard]] virtual Status save_read_until(WallTime time) = 0;
};

}  // namespace dynamirror::state
