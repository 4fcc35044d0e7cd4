// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sim/durable.hpp"
#include "sim/source_stream.hpp"

namespace dynamirror::sim {

/// Ends a simulation at once: going on would only hide what was wrong behind what follows from it.
struct Violation {
  std::string what;
};

/// The invariants of replication, judged against the truth. The first violation is thrown.
class Invariants final : public Witness {
 public:
  struct Start {
    Version floor = 0;         ///< changes up to this version lie before the start that was asked for
    std::set<ShardId> exempt;  ///< so do these shards, as long as the job does not take them on
  };

  Invariants(const SourceStream& source, Durable& durable, Start start)
      : source_(source), durable_(durable), start_(std::move(start)) {}

  [[noreturn]] void trouble(const std::string& what) override { throw Violation{what}; }

  void process_started() {
    written_.clear();
    resumed_from_ = durable_.rows;
    finished_before_ = durable_.ever_finished;
  }

  // No change goes back within the life of a process, none is repeated that a checkpoint covered, and none comes before
  // its parent shard is done.
  void change_written(const model::Change& change) override {
    item_written(change, {version_of(change.sequence()), std::string(change.image())});
  }

  // Where items are read, it is the items that do not go back; all else is asked of the change that called for it.
  void item_written(const model::Change& change, const Durable::TargetItem& item) override {
    const Version version = version_of(change.sequence());
    const std::size_t shard = source_.shard_of(version);
    const int key = key_of(change);
    Version& last = written_[key];
    if (item.version < last) trouble(name(key, item.version) + " written after version " + std::to_string(last));
    last = std::max(last, item.version);
    const ShardId& id = source_.shards()[shard].id;
    const auto row = resumed_from_.find(id);
    const bool was_covered = row != resumed_from_.end() && version <= covered_by(row->second.checkpoint);
    if (was_covered || finished_before_.contains(id)) {
      trouble(name(key, version) + " written again although the checkpoint at the start covered it");
    }
    if (filtered(key)) trouble(name(key, version) + " written although a rule keeps it back");
    check_parent_done(shard, version);
    durable_.target[key] = item;
  }

  void item_written_elsewhere(int key, const Durable::TargetItem& item) override { durable_.target[key] = item; }

  void change_written_elsewhere(const model::Change& change) override {
    const Version version = version_of(change.sequence());
    durable_.target[key_of(change)] = {version, std::string(change.image())};
  }

  // What is read has its row, and its parent is done.
  void reading_begins(const ShardId& shard) override {
    if (!durable_.rows.contains(shard)) trouble(shard.str() + " is read before its row is durable");
    const std::size_t index = source_.index_of(shard);
    // A shard that was lost and regained is read from its checkpoint once more.
    std::erase_if(written_, [&](const auto& last) { return source_.shard_of(last.second) == index; });
    const TrueShard& below = source_.shards()[index];
    if (!below.parent) return;
    const TrueShard& above = source_.shards()[*below.parent];
    if (durable_.ever_finished.contains(above.id) || exempt(above)) return;
    trouble(shard.str() + " begins before its parent " + above.id.str() + " was finished");
  }

  void change_dead_lettered(const model::Change& change) override {
    const Version version = version_of(change.sequence());
    check_parent_done(source_.shard_of(version), version);
    durable_.dead_letters[key_of(change)] = version;
  }

  // A checkpoint never goes back, and covers only what is settled.
  void row_saved(const model::ShardCheckpoint& row) override {
    const std::size_t shard = source_.index_of(row.shard);
    const auto old = durable_.rows.find(row.shard);
    const Version before = old == durable_.rows.end() ? 0 : covered_by(old->second.checkpoint);
    const Version after = covered_by(row.checkpoint);
    if (old == durable_.rows.end() && durable_.ever_finished.contains(row.shard)) {
      trouble(row.shard.str() + " starts again after it was finished");
    }
    if (after < before) trouble(row.shard.str() + ": checkpoint went back to " + to_string(row.checkpoint));
    if (old != durable_.rows.end() && old->second.parents != row.parents) {
      trouble(row.shard.str() + ": its row lost its parents");
    }
    durable_.rows[row.shard] = row;
    durable_.ever_known.insert(row.shard);
    if (std::holds_alternative<model::ShardEnd>(row.checkpoint)) {
      durable_.ever_finished.insert(row.shard);
      if (!source_.shards()[shard].closed) trouble(row.shard.str() + " finished although it is open");
    }
    for (const Record& record : source_.shards()[shard].records) {
      if (before < record.version && record.version <= after) check_settled(record);
    }
  }

  void rows_deleted(const std::vector<ShardId>& shards) override {
    for (const ShardId& shard : shards) {
      if (!durable_.ever_finished.contains(shard)) trouble(shard.str() + " forgotten before it was finished");
      durable_.rows.erase(shard);
    }
  }

  /// A process has stopped in order, with all that it read settled: it leaves nothing to be repeated.
  void check_left_in_order(const ShardId& shard, const model::SequenceNumber& settled) {
    const auto row = durable_.rows.find(shard);
    if (row != durable_.rows.end() && covered_by(row->second.checkpoint) >= version_of(settled)) return;
    trouble(shard.str() + ": an orderly stop left its checkpoint behind " + settled.str());
  }

  /// Nothing is left to do: every shard was read and every change in it is covered.
  [[nodiscard]] bool all_covered() const {
    const auto& shards = source_.shards();
    return std::all_of(shards.begin(), shards.end(), [&](const TrueShard& shard) {
      if (exempt(shard) || durable_.ever_finished.contains(shard.id)) return true;
      const auto row = durable_.rows.find(shard.id);
      if (row == durable_.rows.end() || shard.closed) return false;
      return shard.records.empty() ||
             shard.records.back().version <= std::max(start_.floor, covered_by(row->second.checkpoint));
    });
  }

  /// When the source is quiet and all is covered, the target equals it, but for keys whose changes it refused: those
  /// end in the dead letters.
  void check_equality() {
    for (int key = 0; key < source_.keys(); ++key) {
      if (filtered(key)) continue;
      if (const auto dead = durable_.dead_letters.find(key); dead != durable_.dead_letters.end()) {
        if (dead->second != source_.latest(key))
          trouble(name(key, source_.latest(key)) + " is not in the dead letters");
      } else if (durable_.target[key].image != source_.image(key)) {
        trouble("key " + std::to_string(key) + " is '" + durable_.target[key].image + "' in the target but '" +
                source_.image(key) + "' in the source");
      }
    }
  }

  /// Lies before the start that was asked for, and the job has not taken it on.
  [[nodiscard]] bool exempt(const TrueShard& shard) const {
    return start_.exempt.contains(shard.id) && !durable_.ever_known.contains(shard.id);
  }

 private:
  [[nodiscard]] static std::string name(int key, Version version) {
    return "key " + std::to_string(key) + " version " + std::to_string(version);
  }

  [[nodiscard]] static Version covered_by(const model::Checkpoint& checkpoint) {
    if (std::holds_alternative<model::ShardEnd>(checkpoint)) return std::numeric_limits<Version>::max();
    const auto* after = std::get_if<model::AfterSequence>(&checkpoint);
    return after ? version_of(after->sequence) : 0;
  }

  [[nodiscard]] bool covered(Version version) const {
    const auto& shard = source_.shards()[source_.shard_of(version)];
    if (durable_.ever_finished.contains(shard.id)) return true;
    const auto row = durable_.rows.find(shard.id);
    return row != durable_.rows.end() && version <= covered_by(row->second.checkpoint);
  }

  /// A covered change will never be read again: it, or a later one, must be at rest, or a later one must be read again.
  void check_settled(const Record& record) {
    if (filtered(record.key) || !covered(source_.latest(record.key))) return;
    const auto dead = durable_.dead_letters.find(record.key);
    const Version at_rest =
        std::max(durable_.target[record.key].version, dead == durable_.dead_letters.end() ? 0 : dead->second);
    if (at_rest < record.version) trouble(name(record.key, record.version) + " is covered but not at rest");
  }

  void check_parent_done(std::size_t shard, Version version) {
    const auto& parent = source_.shards()[shard].parent;
    if (!parent) return;
    const TrueShard& above = source_.shards()[*parent];
    if (durable_.ever_finished.contains(above.id) || exempt(above)) return;
    trouble("version " + std::to_string(version) + " of " + source_.shards()[shard].id.str() +
            " came before its parent " + above.id.str() + " was finished");
  }

  const SourceStream& source_;
  Durable& durable_;
  Start start_;
  std::map<int, Version> written_;  // by this process
  std::map<ShardId, model::ShardCheckpoint> resumed_from_;
  std::set<ShardId> finished_before_;
};

}  // namespace dynamirror::sim
