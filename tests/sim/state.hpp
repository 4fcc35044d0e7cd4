// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "sim/durable.hpp"
#include "sim/source_stream.hpp"
#include "sim/stream_service.hpp"
#include "sink/letter_box.hpp"
#include "state/checkpoint_store.hpp"

namespace dynamirror::sim {

inline const StreamArn kStream{"the stream"};

[[nodiscard]] inline std::unexpected<Error> no_space(std::string doing) {
  return failure(ErrorClass::kFatal, std::move(doing), "the disk", "no space left");
}

/// The state file: what it answers "ok" to outlives the process. Written on a thread beside it.
class Store final : public state::CheckpointStore {
 public:
  Store(Durable& durable, Witness& witness, const Faults& faults, Random& random)
      : durable_(durable), witness_(witness), faults_(faults), random_(random) {}

  [[nodiscard]] Result<std::vector<model::ShardCheckpoint>> load(const StreamArn&) override {
    std::vector<model::ShardCheckpoint> loaded;
    for (const auto& [id, row] : durable_.rows) loaded.push_back(row);
    return loaded;
  }
  [[nodiscard]] Status save(const StreamArn&, std::span<const model::ShardCheckpoint> rows) override {
    if (fails()) return no_space("save");
    for (const model::ShardCheckpoint& row : rows) witness_.row_saved(row);
    return {};
  }
  [[nodiscard]] Status remove(const StreamArn&, std::span<const ShardId> shards) override {
    if (fails()) return no_space("remove");
    witness_.rows_deleted({shards.begin(), shards.end()});
    return {};
  }
  [[nodiscard]] Result<std::vector<StreamArn>> streams() override {
    if (durable_.rows.empty()) return std::vector<StreamArn>{};
    return std::vector<StreamArn>{kStream};
  }
  [[nodiscard]] Result<std::optional<WallTime>> read_until() override { return durable_.read_until; }
  [[nodiscard]] Status save_read_until(WallTime time) override {
    if (fails()) return no_space("save time");
    durable_.read_until = time;
    return {};
  }

  /// The process is killed: this many writes go through.
  void die(std::size_t writes) { writes_left_ = writes; }

 private:
  [[nodiscard]] bool fails() {
    if (writes_left_ && (*writes_left_)-- == 0) return true;
    return random_.chance(faults_.store_fails);
  }

  Durable& durable_;
  Witness& witness_;
  const Faults& faults_;
  Random& random_;
  std::optional<std::size_t> writes_left_;
};

/// The dead-letter file.
class Letters final : public sink::Quarantine {
 public:
  Letters(Durable& durable, Witness& witness, const Faults& faults, Random& random)
      : durable_(durable), witness_(witness), faults_(faults), random_(random) {}

  [[nodiscard]] bool quarantined(std::string_view key) const override {
    return durable_.dead_letters.contains(key_of(key));
  }
  [[nodiscard]] std::size_t keys() const override { return durable_.dead_letters.size(); }
  [[nodiscard]] Status add(std::span<const sink::DeadLetter> letters) {
    if (random_.chance(faults_.store_fails)) return no_space("add dead letters");
    for (const sink::DeadLetter& letter : letters) witness_.change_dead_lettered(letter.change);
    added_ += letters.size();
    return {};
  }
  [[nodiscard]] std::string describe() const override { return "the dead letters"; }
  [[nodiscard]] std::uint64_t added() const { return added_; }
  /// The process is killed while it adds these: the file has some of them.
  void add_some(std::span<const sink::DeadLetter> letters) {
    const std::size_t whole = random_.below(letters.size() + 1);
    for (const sink::DeadLetter& letter : letters.first(whole)) witness_.change_dead_lettered(letter.change);
  }

 private:
  Durable& durable_;
  Witness& witness_;
  const Faults& faults_;
  Random& random_;
  std::uint64_t added_ = 0;
};

}  // namespace dynamirror::sim
