// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "state/checkpoint_store.hpp"

namespace dynamirror::state {

/// Remembers checkpoints until the process ends: for dry runs, and for tests. Not thread-safe.
class MemoryStore final : public CheckpointStore {
 public:
  [[nodiscard]] Result<std::vector<model::ShardCheckpoint>> load(const StreamArn& stream) override {
    std::vector<model::ShardCheckpoint> rows;
    for (const auto& [shard, row] : rows_[stream]) rows.push_back(row);
    return rows;
  }

  [[nodiscard]] Status save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) override {
    for (const model::ShardCheckpoint& row : rows) rows_[stream].insert_or_assign(row.shard, row);
    return {};
  }

  [[nodiscard]] Status remove(const StreamArn& stream, std::span<const ShardId> shards) override {
    for (const ShardId& shard : shards) rows_[stream].erase(shard);
    return {};
  }

  [[nodiscard]] Result<std::vector<StreamArn>> streams() override {
    std::vector<StreamArn> streams;
    for (const auto& [stream, rows] : rows_) {
      if (!rows.empty()) streams.push_back(stream);
    }
    return streams;
  }

  [[nodiscard]] Result<std::optional<WallTime>> read_until() override { return read_until_; }

  [[nodiscard]] Status save_read_until(WallTime time) override {
    read_until_ = time;
    return {};
  }

 private:
  std::map<StreamArn, std::map<ShardId, model::ShardCheckpoint>> rows_;
  std::optional<WallTime> read_until_;
};

}  // namespace dynamirror::state
