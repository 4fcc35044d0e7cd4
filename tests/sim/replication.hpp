// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "ordering/change_buffer.hpp"
#include "ordering/shard_graph.hpp"
#include "sim/durable.hpp"
#include "sim/mistakes.hpp"
#include "sim/stream_service.hpp"

namespace dynamirror::sim {

/// The replicate job in pure form: one action a call, so that anything may happen between two of them. The sequence is
///   list -> save new rows -> start readers -> read and push -> take and write -> settle -> save checkpoints -> forget.
/// Its memory dies with it; `Durable` stays.
class Replication {
 public:
  struct Options {
    ordering::ShardGraph::InitialPosition initial = ordering::ShardGraph::InitialPosition::kTrimHorizon;
    ordering::ChangeBuffer::Options buffer;
    std::size_t page_shards = 10;  ///< of a listing
    std::size_t max_writes = 4;    ///< under way at once
    std::size_t max_batch = 25;
    Mistake mistake = Mistake::kNone;
  };

  Replication(Options options, StreamService& stream, const Faults& faults, Durable& durable, Witness& witness,
              const Clock& clock, Random& random)
      : options_(options),
        stream_(stream),
        faults_(faults),
        durable_(durable),
        witness_(witness),
        clock_(clock),
        random_(random),
        graph_(options.initial, durable.load()),
        buffer_(options.buffer, options.mistake) {}

  static constexpr int kActions = 7;

  void act(int action) {
    switch (action) {
      case 0:
        return list_a_page();
      case 1:
        return start_readers();
      case 2:
        return read_a_page();
      case 3:
        return start_a_write();
      case 4:
        return end_a_write();
      case 5:
        return save_a_checkpoint();
      default:
        return forget();
    }
  }

  /// The process is killed: each write under way may have reached the target, or not.
  void die() {
    for (const Write& write : writes_) {
      for (const auto& taken : write.changes) {
        const bool arrives = !stream_.is_poison(taken.change->sequence()) && random_.chance(0.5);
        if (arrives) witness_.change_written(*taken.change);
      }
    }
  }

  /// At LATEST: the shards whose position "now" is not taken yet.
  [[nodiscard]] bool awaits_latest() const { return !awaiting_latest_.empty(); }
  [[nodiscard]] bool idle() const {
    const auto reading = [](const Reader& reader) { return reader.leaving || reader.at_end; };
    return buffer_.counters().held() == 0 && writes_.empty() && std::none_of(readers_.begin(), readers_.end(), reading);
  }

  /// Invariants that can be seen from inside only: what goes in comes out, and memory is bounded.
  void check() {
    const auto& counters = buffer_.counters();
    if (counters.read != pushed_ || counters.applied != applied_ || counters.dead_lettered != dead_lettered_) {
      witness_.trouble("the counters do not tell what was done");
    }
    if (counters.settled() > counters.read) witness_.trouble("more changes were settled than read");
    const bool holds_bytes = buffer_.held_bytes() > 0;
    if (holds_bytes != (counters.held() > 0)) witness_.trouble("held bytes and held changes disagree");
    if (buffer_.held_bytes() > options_.buffer.max_bytes + kMaxPageBytes) witness_.trouble("too many bytes held");
    if (counters.held() > options_.buffer.max_changes + StreamService::kMaxPage) {
      witness_.trouble("too many changes held");
    }
    // A listed shard names one parent, and what is no longer listed goes after two more listings.
    if (graph_.remembered() > graph_.known() + 2 * stream_.most_listed())
      witness_.trouble("too many shards remembered");
  }

 private:
  static constexpr std::size_t kMaxPageBytes = StreamService::kMaxPage * 400;

  struct Reader {
    ShardId shard;
    std::vector<ShardId> parents;
    model::Checkpoint from;
    ordering::ChangeBuffer::ShardHandle handle = 0;
    std::optional<StreamService::Iterator> iterator;
    std::optional<model::SequenceNumber> pushed;  // the last one
    std::optional<model::SequenceNumber> saved;
    bool at_end = false;
    bool leaving = false;  // reads no more; released once drained
  };

  enum class Fate { kApplied, kThrottled, kFailedButApplied, kFailed, kRejected };
  struct Write {
    std::vector<ordering::ChangeBuffer::InFlight> changes;
    SteadyTime ends;
  };

  // ---- list -> save new rows

  void list_a_page() {
    if (listing_.empty()) {
      const bool due = graph_.wants_listing() || clock_.steady_now() >= next_listing_;
      if (!due) return;
      listing_ = stream_.begin_listing();
      next_listing_ = clock_.steady_now() + std::chrono::milliseconds{300};
    }
    if (stream_.listing_throttled()) return;  // what we have of it is kept
    const std::size_t size = std::min(options_.page_shards, listing_.size());
    const std::vector<model::Shard> page(listing_.end() - static_cast<std::ptrdiff_t>(size), listing_.end());
    listing_.resize(listing_.size() - size);
    graph_.observe(page, listing_.empty());
    save_new_rows();
  }

  void save_new_rows() {
    for (const model::ShardCheckpoint& row : graph_.take_new_rows()) {
      if (std::holds_alternative<model::Latest>(row.checkpoint)) awaiting_latest_.insert(row.shard);
      witness_.row_saved(row);
      if (options_.mistake == Mistake::kChildrenDoNotWait) start_reader(row.shard, row.checkpoint, row.parents);
    }
  }

  // ---- start readers

  void start_readers() {
    for (const auto& readable : graph_.take_readable()) start_reader(readable.shard, readable.from, readable.parents);
  }

  void start_reader(const ShardId& shard, const model::Checkpoint& from, const std::vector<ShardId>& parents) {
    const auto same = [&](const Reader& reader) { return reader.shard == shard; };
    if (std::any_of(readers_.begin(), readers_.end(), same)) return;  // only after kChildrenDoNotWait
    readers_.push_back({.shard = shard,
                        .parents = parents,
                        .from = from,
                        .handle = buffer_.add_shard(),
                        .iterator = {},
                        .pushed = {},
                        .saved = {}});
  }

  // ---- read and push

  [[nodiscard]] Reader* any_reader() {
    if (readers_.empty()) return nullptr;
    return &*std::next(readers_.begin(), static_cast<std::ptrdiff_t>(random_.below(readers_.size())));
  }

  void read_a_page() {
    Reader* reader = any_reader();
    if (!reader || reader->at_end || reader->leaving || !buffer_.has_room()) return;
    if (!reader->iterator) reader->iterator = stream_.iterator(reader->shard, position(*reader));
    awaiting_latest_.erase(reader->shard);
    if (random_.chance(faults_.reader_breaks)) {
      reader->leaving = true;
      return;
    }
    const auto answer = stream_.read(*reader->iterator);
    if (std::holds_alternative<StreamService::Gone>(answer)) witness_.trouble(reader->shard.str() + " read after trim");
    if (std::holds_alternative<StreamService::Expired>(answer)) return renew_iterator(*reader);
    if (const auto* page = std::get_if<StreamService::Page>(&answer)) push(*reader, *page);
  }

  [[nodiscard]] static model::Checkpoint position(const Reader& reader) {
    if (reader.pushed) return model::AfterSequence{*reader.pushed};
    return reader.from;
  }

  void renew_iterator(Reader& reader) {
    reader.iterator.reset();
    // A second LATEST would skip what came since the first.
    const bool latest = !reader.pushed && std::holds_alternative<model::Latest>(reader.from);
    if (latest && options_.mistake != Mistake::kLatestTakenAgain) reader.leaving = true;
  }

  void push(Reader& reader, const StreamService::Page& page) {
    for (const Record* record : page.records) {
      const auto sequence = sequence_of(record->version);
      if (filtered(record->key)) {
        buffer_.push_filtered(reader.handle, sequence);
      } else {
        buffer_.push(reader.handle, model::Change(key_text(record->key), record->image, sequence, clock_.wall_now()));
      }
      reader.pushed = sequence;
      ++pushed_;
    }
    reader.iterator = page.next;
    reader.at_end = page.shard_ends;
  }

  // ---- take and write -> settle

  void start_a_write() {
    if (writes_.size() >= options_.max_writes) return;
    Write write;
    for (const auto& taken : buffer_.take(1 + random_.below(options_.max_batch), 1'000, clock_.steady_now())) {
      if (durable_.dead_letters.contains(key_of(*taken.change))) {
        dead_letter(taken);  // later changes of a poisoned key follow it, so that their order holds
      } else {
        write.changes.push_back(taken);
      }
    }
    if (write.changes.empty()) return;
    write.ends = clock_.steady_now() + std::chrono::milliseconds{random_.below(80)};
    writes_.push_back(std::move(write));
  }

  void end_a_write() {
    std::vector<std::list<Write>::iterator> over;
    for (auto at = writes_.begin(); at != writes_.end(); ++at) {
      if (at->ends <= clock_.steady_now()) over.push_back(at);
    }
    if (over.empty()) return;
    const auto chosen = over[random_.below(over.size())];
    for (const auto& change : chosen->changes) settle(change, fate(*change.change));
    writes_.erase(chosen);
  }

  [[nodiscard]] Fate fate(const model::Change& change) {
    if (random_.chance(faults_.write_throttled)) return Fate::kThrottled;
    if (random_.chance(faults_.write_fails)) return random_.chance(0.5) ? Fate::kFailedButApplied : Fate::kFailed;
    return stream_.is_poison(change.sequence()) ? Fate::kRejected : Fate::kApplied;
  }

  void settle(const ordering::ChangeBuffer::InFlight& taken, Fate fate) {
    if (fate == Fate::kRejected) return dead_letter(taken);
    const bool poison = stream_.is_poison(taken.change->sequence());
    if (fate == Fate::kApplied || (fate == Fate::kFailedButApplied && !poison)) witness_.change_written(*taken.change);
    if (fate == Fate::kApplied || options_.mistake == Mistake::kRetriesDropped) {
      ++applied_;
      return buffer_.applied(taken.ticket);
    }
    const auto pause = std::chrono::milliseconds{10 << std::min(taken.attempts, 4)};
    buffer_.retry(taken.ticket, clock_.steady_now() + pause);
  }

  void dead_letter(const ordering::ChangeBuffer::InFlight& taken) {
    witness_.change_dead_lettered(*taken.change);
    ++dead_lettered_;
    buffer_.dead_lettered(taken.ticket);
  }

  // ---- save checkpoints

  void save_a_checkpoint() {
    if (readers_.empty()) return;
    const auto at = std::next(readers_.begin(), static_cast<std::ptrdiff_t>(random_.below(readers_.size())));
    Reader& reader = *at;
    const bool early_end = options_.mistake == Mistake::kShardEndBeforeDrained;
    const bool drained = buffer_.outstanding(reader.handle) == 0;
    if (reader.at_end && (drained || early_end)) {
      witness_.row_saved({.shard = reader.shard, .parents = reader.parents, .checkpoint = model::ShardEnd{}});
      graph_.finished(reader.shard);
      if (drained) buffer_.remove_shard(reader.handle);
      readers_.erase(at);
      return;
    }
    save_position(reader);
    if (reader.leaving && drained) {
      graph_.released(reader.shard);
      buffer_.remove_shard(reader.handle);
      readers_.erase(at);
    }
  }

  void save_position(Reader& reader) {
    const auto& safe = options_.mistake == Mistake::kCheckpointAtLastRead ? reader.pushed : buffer_.safe(reader.handle);
    if (!safe || reader.saved == safe) return;
    witness_.row_saved({.shard = reader.shard, .parents = reader.parents, .checkpoint = model::AfterSequence{*safe}});
    graph_.checkpointed(reader.shard, *safe);
    reader.saved = safe;
  }

  // ---- forget

  void forget() {
    if (auto shards = graph_.take_forgettable(); !shards.empty()) witness_.rows_deleted(shards);
  }

  Options options_;
  StreamService& stream_;
  const Faults& faults_;
  Durable& durable_;
  Witness& witness_;
  const Clock& clock_;
  Random& random_;

  ordering::ShardGraph graph_;
  BufferWithMistakes buffer_;
  std::list<Reader> readers_;
  std::list<Write> writes_;
  std::vector<model::Shard> listing_;  // pages of a pass still to come
  SteadyTime next_listing_{};
  std::set<ShardId> awaiting_latest_;
  std::uint64_t pushed_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t dead_lettered_ = 0;
};

}  // namespace dynamirror::sim
