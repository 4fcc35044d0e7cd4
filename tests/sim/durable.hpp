// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/change.hpp"
#include "model/checkpoint.hpp"
#include "sim/source_stream.hpp"

namespace dynamirror::sim {

/// What is left when the process dies: the target table, the dead letters and the rows of the state store.
struct Durable {
  struct TargetItem {
    Version version = 0;  ///< of the change that was written last
    std::string image;    ///< empty: no such item
  };

  std::map<int, TargetItem> target;
  std::map<int, Version> dead_letters;  ///< the last one of each key
  std::map<ShardId, model::ShardCheckpoint> rows;
  std::set<ShardId> ever_finished;  ///< also those whose rows were forgotten
  std::set<ShardId> ever_known;
  std::optional<WallTime> read_until;
};

/// Told of everything that the job does to the world outside. The checks are made here, from what is true of the
/// source, not from what the job believes.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void reading_begins(const ShardId& shard) = 0;
  virtual void row_saved(const model::ShardCheckpoint& row) = 0;
  virtual void rows_deleted(const std::vector<ShardId>& shards) = 0;
  virtual void change_written(const model::Change& change) = 0;
  /// By another worker, or by a process that is no more.
  virtual void change_written_elsewhere(const model::Change& change) = 0;
  /// A change applied by its key: what the source had when it was read, and of which version that was.
  virtual void item_written(const model::Change& change, const Durable::TargetItem& item) = 0;
  virtual void item_written_elsewhere(int key, const Durable::TargetItem& item) = 0;
  virtual void change_dead_lettered(const model::Change& change) = 0;
  /// Does not return.
  virtual void trouble(const std::string& what) = 0;
};

/// Keys that a named rule keeps from the target.
[[nodiscard]] inline bool filtered(int key) { return key % 7 == 6; }

}  // namespace dynamirror::sim
