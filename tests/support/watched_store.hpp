// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "state/checkpoint_store.hpp"

namespace dynamirror::support {

/// Shows each save to the test before it happens, on the thread that saves.
class WatchedStore final : public state::CheckpointStore {
 public:
  using BeforeSave = std::function<Status(std::span<const model::ShardCheckpoint>)>;

  /// REQUIRES: store outlives this.
  WatchedStore(state::CheckpointStore& store, BeforeSave before_save)
      : store_(store), before_save_(std::move(before_save)) {}

  [[nodiscard]] Result<std::vector<model::ShardCheckpoint>> load(const StreamArn& stream) override {
    return store_.load(stream);
  }
  [[nodiscard]] Status save(const StreamArn& stream, std::span<const model::ShardCheckpoint> rows) override {
    if (before_save_) {
      if (auto fine = before_save_(rows); !fine) return fine;
    }
    return store_.save(stream, rows);
  }
  [[nodiscard]] Status remove(const StreamArn& stream, std::span<const ShardId> shards) override {
    return store_.remove(stream, shards);
  }
  [[nodiscard]] Result<std::vector<StreamArn>> streams() override { return store_.streams(); }
  [[nodiscard]] Result<std::optional<WallTime>> read_until() override { return store_.read_until(); }
  [[nodiscard]] Status save_read_until(WallTime time) override { return store_.save_read_until(time); }

 private:
  state::CheckpointStore& store_;
  BeforeSave before_save_;
};

}  // namespace dynamirror::support
