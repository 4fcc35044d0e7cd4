// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "jobs/replication/replication_core.hpp"
#include "pipeline/write_core.hpp"
#include "sim/durable.hpp"
#include "sim/fleet.hpp"
#include "sim/keepers.hpp"
#include "sim/state.hpp"
#include "sim/stream_service.hpp"
#include "source/read_position.hpp"

namespace dynamirror::sim {

/// What is outside of the process.
struct World {
  const SourceStream& table;  ///< as a consistent read sees it
  StreamService& stream;
  Fleet& fleet;
  const Faults& faults;
  Durable& durable;
  Witness& witness;
  const Clock& clock;
  Random& random;
};

/// Keeps keys from the target.
class KeyRule final : public transform::ChangeRule {
 public:
  [[nodiscard]] std::string_view name() const override { return "some-keys"; }
  [[nodiscard]] transform::Verdict apply(model::Change& change, WallTime) const override {
    return filtered(key_of(change)) ? transform::Verdict::kDrop : transform::Verdict::kPass;
  }
};

/// A process that replicates: the classes that decide in the real job (ReplicationCore, WriteCore, ShardLedger or
/// ShardSync, ReadPosition), without the coroutines around them. What these wait for happens here as one action a call,
/// in any order, so that anything may come between two of them. Its memory dies with it; `Durable` stays.
class Replication {
 public:
  struct Options {
    ordering::ShardGraph::InitialPosition initial = ordering::ShardGraph::InitialPosition::kTrimHorizon;
    ordering::ChangeBuffer::Options buffer;
    bool shared = false;           ///< with other workers, through leases
    bool keys_only = false;        ///< the stream tells keys only, and items are read as sink::PresentItems does
    std::size_t page_shards = 10;  ///< of a listing
    std::size_t max_writes = 4;    ///< under way at once
    std::size_t max_batch = 25;
  };

  Replication(Options options, World world, Fleet::Worker worker)
      : options_(options),
        world_(world),
        worker_(worker),
        store_(world.durable, world.witness, world.faults, world.random),
        letters_(world.durable, world.witness, world.faults, world.random),
        writes_({.target = "the target", .dead_letters = &letters_, .clock = world.clock, .random = world.random},
                {.buffer = options.buffer}, rules()),
        keeper_(make_keeper()),
        core_(writes_, *keeper_, {}) {
    if (auto restored = keeper_->restore(); !restored) fail(restored.error());
  }

  static constexpr int kActions = 10;

  void act(int action) {
    switch (action) {
      case 0:
        return list_a_page();
      case 1:
        return tend_leases();
      case 2:
        return read_a_page();
      case 3:
        return start_a_write();
      case 4:
        return end_a_write(false);
      case 5:
        return save_checkpoints();
      case 6:
        return tend_a_shard();
      case 7:
        expect(keeper_->act());
        return start_readable();
      case 8:
        return end_an_addition();
      default:
        return look_whether_caught_up();
    }
  }

  /// The process is killed, or has given up: each write under way may reach the target, or not, and so may what is on
  /// its way to the disk.
  void die() {
    keeper_->die();
    abandon_writes();
  }

  void abandon_writes() {
    if (!adding_.empty()) letters_.add_some(adding_.front().letters);
    adding_.clear();
    for (const Write& write : writing_) {
      if (options_.keys_only) {
        leave_items_behind(write);
        continue;
      }
      for (const auto& item : write.batch.changes) {
        if (world_.stream.is_poison(item.change->sequence()) || world_.random.chance(0.5)) continue;
        if (options_.shared) {
          world_.fleet.leave_behind(worker_, *item.change, write.batch.not_after);
        } else {
          world_.witness.change_written(*item.change);
        }
      }
    }
    writing_.clear();
  }

  /// Ends in order, after some time for writing. Answers, when everything read was settled and saved, up to where each
  /// shard was: nothing of that is to be repeated.
  std::vector<jobs::SafeShard> stop() {
    readers_.clear();
    for (std::size_t i = world_.random.below(60); i > 0 && writes_.counters().held() > 0; --i) {
      start_a_write();
      end_a_write(true);
      end_an_addition();
    }
    abandon_writes();
    keep_time();
    const bool closed = keeper_->close(core_.take_safe(), core_.unsettled()).has_value();
    std::vector<jobs::SafeShard> left;
    if (!closed || options_.shared || writes_.counters().held() > 0) return left;
    for (const auto& shard : core_.shards()) {
      if (shard.pushed) left.push_back({.shard = shard.id, .sequence = *shard.pushed});
    }
    return left;
  }

  /// Has met an error that ends a job.
  [[nodiscard]] bool failed() const { return failed_; }
  /// At LATEST: the shards whose position "now" is not taken yet.
  [[nodiscard]] bool awaits_latest() const {
    return std::ranges::any_of(readers_, [](const Reader& reader) {
      return !reader.has_begun && std::holds_alternative<model::Latest>(reader.shard.from);
    });
  }
  [[nodiscard]] bool reads(const ShardId& shard) const {
    return std::ranges::any_of(readers_, [&](const Reader& reader) { return reader.shard.id == shard; });
  }
  /// Something, perhaps the row of a shard that is to be read, is on its way to the disk.
  [[nodiscard]] bool saving() const { return !keeper_->all_saved(); }
  [[nodiscard]] bool idle() const {
    const auto busy = [](const Reader& reader) { return !jobs::ReplicationCore::reads(reader.shard); };
    return writes_.counters().held() == 0 && writing_.empty() && std::ranges::none_of(readers_, busy);
  }
  /// As the job itself sees it. True only when nothing is written to the source.
  [[nodiscard]] bool caught_up() const { return caught_up_; }
  void forget_caught_up() { caught_up_ = confirms_ = wants_listing_ = false; }

  /// Invariants that can be seen from inside only: what goes in comes out, and memory is bounded.
  void check() {
    const auto& counters = writes_.counters();
    Witness& witness = world_.witness;
    if (counters.read != pushed_ || counters.applied != applied_ || counters.dead_lettered != letters_.added()) {
      witness.trouble("the counters do not tell what was done");
    }
    if (counters.settled() > counters.read) witness.trouble("more changes were settled than read");
    if (counters.filtered != writes_.rule_counts().front().dropped) witness.trouble("the rules' counts do not add up");
    if ((writes_.held_bytes() > 0) != (counters.held() > 0)) witness.trouble("held bytes and held changes disagree");
    // A page may have been asked for by each reader when there was room.
    const std::size_t pages = core_.shards().size() + 1;
    if (writes_.held_bytes() > options_.buffer.max_bytes + pages * kMaxPageBytes)
      witness.trouble("too many bytes held");
    if (counters.held() > options_.buffer.max_changes + pages * StreamService::kMaxPage) {
      witness.trouble("too many changes held");
    }
    // A listed shard names one parent, and what is no longer listed goes after two more listings.
    const auto* alone = dynamic_cast<const AloneKeeper*>(keeper_.get());
    if (alone && alone->graph().remembered() > alone->graph().known() + 2 * world_.stream.most_listed()) {
      witness.trouble("too many shards remembered");
    }
  }

 private:
  static constexpr std::size_t kMaxPageBytes = StreamService::kMaxPage * 400;

  struct Reader {
    jobs::ReplicationCore::Shard& shard;
    source::ReadPosition position;
    std::optional<StreamService::Iterator> iterator{};
    std::optional<source::ShardReader::Page> on_its_way{};
    std::size_t empty_answers = 0;
    bool has_begun = false;
  };
  struct Write {
    jobs::WriteCore::Batch batch;
    SteadyTime ends;
    bool has_read = false;
    std::vector<std::optional<Durable::TargetItem>> items{};  ///< that were read for its changes; nothing: not read
  };

  [[nodiscard]] static transform::ChangeRules rules() {
    transform::ChangeRules rules;
    rules.push_back(std::make_unique<KeyRule>());
    return rules;
  }
  [[nodiscard]] std::unique_ptr<Keeper> make_keeper() {
    if (options_.shared) return std::make_unique<SharedKeeper>(world_.fleet, worker_, world_.durable, world_.witness);
    return std::make_unique<AloneKeeper>(store_, world_.clock, world_.random,
                                         jobs::ShardLedger::Options{.start = options_.initial});
  }

  void fail(const jobs::JobFailure& failure) {
    failed_ = true;
    const bool expected = failure.reason == jobs::Reason::kState && world_.faults.store_fails > 0;
    if (!expected) world_.witness.trouble("the job has failed: " + to_line(failure.error));
  }
  void expect(const Status& status) {
    if (!status) fail({jobs::Reason::kState, status.error()});
  }

  // ---- which shards

  void list_a_page() {
    if (listing_.empty()) {
      const bool due = keeper_->wants_listing() || wants_listing_ || world_.clock.steady_now() >= next_listing_;
      if (!due) return;
      listing_ = world_.stream.begin_listing();
      next_listing_ = world_.clock.steady_now() + std::chrono::milliseconds{300};
      listing_is_new_ = true;
    }
    if (!world_.stream.listing_throttled()) {
      const std::size_t size = std::min(options_.page_shards, listing_.size());
      listed_.insert(listed_.end(), listing_.end() - static_cast<std::ptrdiff_t>(size), listing_.end());
      listing_.resize(listing_.size() - size);
      if (!listing_.empty()) return;
    }
    // All, or what there is of it: another attempt goes on from there.
    if (auto noted = keeper_->listed(std::exchange(listed_, {}), listing_.empty()); !noted) return expect(noted);
    start_readable();
    if (!listing_.empty() || !listing_is_new_ || !std::exchange(wants_listing_, false)) return;
    core_.listed_anew();
    confirms_ = true;
  }

  void tend_leases() {
    for (const Keeper::Revocation& revoked : keeper_->take_revoked()) core_.revoke(revoked.shard, revoked.wind_down);
    start_readable();
  }

  void start_readable() {
    for (const auto& readable : keeper_->take_readable()) {
      world_.witness.reading_begins(readable.shard);
      readers_.push_back({.shard = core_.start(readable), .position = source::ReadPosition(readable.from)});
    }
  }

  // ---- reading one

  [[nodiscard]] Reader* any_reader() {
    if (readers_.empty()) return nullptr;
    return &*std::next(readers_.begin(), static_cast<std::ptrdiff_t>(world_.random.below(readers_.size())));
  }

  /// Asks for a page, or takes the one that was asked for.
  void read_a_page() {
    Reader* reader = any_reader();
    if (reader == nullptr) return;
    if (reader->on_its_way) return take_page(*reader);
    if (!jobs::ReplicationCore::reads(reader->shard) || !writes_.has_room()) return;
    if (!reader->iterator) {
      reader->iterator = world_.stream.iterator(reader->shard.id, reader->position.of_next_iterator());
    }
    reader->has_begun = true;
    const auto answer = world_.stream.read(*reader->iterator);
    if (std::holds_alternative<StreamService::Gone>(answer)) {
      world_.witness.trouble(reader->shard.id.str() + " read after trim");
    } else if (std::holds_alternative<StreamService::Expired>(answer)) {
      reader->iterator.reset();
    } else if (const auto* page = std::get_if<StreamService::Page>(&answer)) {
      reader->on_its_way = received(*reader, *page);
      if (world_.random.chance(0.5)) take_page(*reader);
    }
  }

  [[nodiscard]] source::ShardReader::Page received(Reader& reader, const StreamService::Page& answer) {
    source::ShardReader::Page page{.changes = {}, .shard_ended = answer.shard_ends};
    for (const Record* record : answer.records) {
      const auto [key, sequence] = std::pair(key_text(record->key), sequence_of(record->version));
      if (options_.keys_only && !record->image.empty()) {
        page.changes.push_back(model::Change::of_key(key, sequence, world_.clock.wall_now()));
      } else {
        page.changes.emplace_back(key, record->image, sequence, world_.clock.wall_now());
      }
    }
    reader.empty_answers = page.changes.empty() ? reader.empty_answers + 1 : 0;
    page.empty_answers = reader.empty_answers;
    reader.position.delivered(page.changes);
    reader.iterator = answer.next;
    return page;
  }

  void take_page(Reader& reader) {
    source::ShardReader::Page page = std::move(*std::exchange(reader.on_its_way, std::nullopt));
    if (jobs::ReplicationCore::reads(reader.shard)) pushed_ += page.changes.size();
    const auto failure = core_.page_arrived(reader.shard, std::move(page), world_.clock.steady_now());
    if (failure) fail(*failure);
  }

  /// A shard that is not read any more is retired, given back or dropped once it is at rest.
  void tend_a_shard() {
    Reader* reader = any_reader();
    if (reader == nullptr || reader->on_its_way) return;
    jobs::ReplicationCore::Shard& shard = reader->shard;
    const auto next = core_.at_rest(shard);
    if (!next) return;
    const ShardId id = shard.id;
    const bool retires = *next == jobs::ReplicationCore::Next::kRetire;
    if (retires && !shard.retires) {
      core_.retire(shard);
      keeper_->retire(id);
    }
    if (retires && !keeper_->retired(id)) return;
    readers_.remove_if([&](const Reader& candidate) { return &candidate == reader; });
    if (retires) {
      core_.remove(shard);
      start_readable();
    } else if (*next == jobs::ReplicationCore::Next::kGiveBack) {
      const auto safe = core_.give_back(shard);
      expect(keeper_->given_back(id, safe));
    } else {
      core_.remove(shard);
    }
  }

  // ---- writing

  void start_a_write() {
    if (writing_.size() >= options_.max_writes) return;
    auto batch = writes_.take({.max_changes = 1 + world_.random.below(options_.max_batch), .max_bytes = 1'000});
    if (!batch) return;
    writing_.push_back({.batch = std::move(*batch),
                        .ends = world_.clock.steady_now() + std::chrono::milliseconds{world_.random.below(80)}});
  }

  /// `any`: without regard to the time it takes.
  void end_a_write(bool any) {
    std::vector<std::list<Write>::iterator> over;
    for (auto at = writing_.begin(); at != writing_.end(); ++at) {
      if (any || at->ends <= world_.clock.steady_now()) over.push_back(at);
    }
    if (over.empty()) return;
    const auto chosen = over[world_.random.below(over.size())];
    if (options_.keys_only && !chosen->has_read) return read_items(*chosen);
    const Write write = std::move(*chosen);
    writing_.erase(chosen);
    std::vector<sink::Outcome> outcomes;
    for (std::size_t i = 0; i < write.batch.changes.size(); ++i) {
      const model::Change& change = *write.batch.changes[i].change;
      outcomes.push_back(options_.keys_only && !write.items[i]
                             ? sink::Outcome{sink::TryAgain{error(ErrorClass::kThrottled, "not read")}}
                             : outcome(change, options_.keys_only ? &*write.items[i] : nullptr, write.batch.not_after));
      if (std::holds_alternative<sink::Applied>(outcomes.back())) ++applied_;
    }
    auto settled = writes_.settle(write.batch, outcomes);
    if (settled.failure) return fail(*settled.failure);
    if (!settled.poison.letters.empty()) adding_.push_back(std::move(settled.poison));
  }

  /// The dead letters are added one batch after another.
  void end_an_addition() {
    if (adding_.empty()) return;
    const jobs::WriteCore::Poison poison = std::move(adding_.front());
    adding_.pop_front();
    if (auto added = letters_.add(poison.letters); !added) return expect(added);
    writes_.dead_lettered(poison.tickets);
  }

  /// What the source has at this moment of each key; the write follows later.
  void read_items(Write& write) {
    for (const auto& item : write.batch.changes) {
      std::optional<Durable::TargetItem>& read = write.items.emplace_back();
      if (world_.random.chance(world_.faults.read_throttled)) continue;
      const int key = key_of(*item.change);
      read.emplace(world_.table.latest(key), world_.table.image(key));
    }
    write.has_read = true;
    write.ends = world_.clock.steady_now() + std::chrono::milliseconds{world_.random.below(80)};
  }

  void leave_items_behind(const Write& write) {
    for (std::size_t i = 0; i < write.items.size(); ++i) {
      if (!write.items[i] || world_.random.chance(0.5)) continue;
      const model::Change& change = *write.batch.changes[i].change;
      if (options_.shared) {
        world_.fleet.leave_behind(worker_, change, write.batch.not_after, write.items[i]);
      } else {
        world_.witness.item_written(change, *write.items[i]);
      }
    }
  }

  [[nodiscard]] static Error error(ErrorClass error_class, const char* what) {
    return Error{.error_class = error_class, .doing = "write", .resource = {}, .code = {}, .message = what};
  }

  /// `item`: what was read for the change; null where it has its image itself.
  [[nodiscard]] sink::Outcome outcome(const model::Change& change, const Durable::TargetItem* item,
                                      SteadyTime not_after) {
    const auto again = [&](ErrorClass error_class, const char* what) {
      return sink::TryAgain{error(error_class, what)};
    };
    if (world_.clock.steady_now() > not_after) return again(ErrorClass::kTransient, "too late");
    if (world_.random.chance(world_.faults.write_throttled)) return again(ErrorClass::kThrottled, "slow down");
    const bool fails = world_.random.chance(world_.faults.write_fails);
    if (fails && world_.random.chance(0.5)) return again(ErrorClass::kTransient, "no answer");
    if (world_.stream.is_poison(change.sequence())) {
      return sink::Rejected{error(ErrorClass::kInvalid, "poison")};
    }
    if (options_.shared) world_.fleet.check_may_write(worker_, change);
    if (item != nullptr) {
      world_.witness.item_written(change, *item);
    } else {
      world_.witness.change_written(change);
    }
    if (fails) return again(ErrorClass::kTransient, "the answer was lost");
    return sink::Applied{};
  }

  // ---- saving

  void save_checkpoints() {
    keeper_->save(core_.take_safe());
    keep_time();
  }
  void keep_time() { keeper_->keep_time(core_.read_until(world_.clock.steady_now(), world_.clock.wall_now())); }

  void look_whether_caught_up() {
    if (!core_.caught_up(keeper_->all_started(core_.shards().size()))) {
      confirms_ = false;
      return;
    }
    if (!confirms_ && !wants_listing_) {
      wants_listing_ = true;
      listing_is_new_ = false;
    }
    caught_up_ = caught_up_ || (confirms_ && core_.confirmed());
  }

  Options options_;
  World world_;
  Fleet::Worker worker_;
  Store store_;
  Letters letters_;
  jobs::WriteCore writes_;
  std::unique_ptr<Keeper> keeper_;
  jobs::ReplicationCore core_;
  std::list<Reader> readers_;
  std::list<Write> writing_;
  std::list<jobs::WriteCore::Poison> adding_;  ///< to the dead letters
  std::vector<model::Shard> listing_;          ///< pages of a pass still to come
  std::vector<model::Shard> listed_;           ///< those that have come
  SteadyTime next_listing_{};
  bool failed_ = false;

  // Whether it has caught up.
  bool wants_listing_ = false;   ///< one that begins from now on
  bool listing_is_new_ = false;  ///< the one under way has begun since
  bool confirms_ = false;        ///< there was one
  bool caught_up_ = false;

  // To be compared with the counters.
  std::uint64_t pushed_ = 0;
  std::uint64_t applied_ = 0;
};

}  // namespace dynamirror::sim
