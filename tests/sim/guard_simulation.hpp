// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "ordering/change_buffer.hpp"
#include "sim/source_stream.hpp"
#include "sink/guarded_write.hpp"

namespace dynamirror::sim {

/// A table, a feed of its changes that comes twice and out of order, and workers that bring it to a replica one after
/// the other, through the real ChangeBuffer and GuardedWrite. Everything follows from the seed. Times are microseconds.
class GuardSimulation {
 public:
  /// `guarded`: false puts every image and deletes at every deletion, as it comes, to show that the feed is a hard one.
  explicit GuardSimulation(std::uint64_t seed, bool guarded = true) : random_(seed), guarded_(guarded) {
    milliseconds_ = random_.chance(0.5);
    disorder_ = random_.chance(0.3) ? kSecond : static_cast<std::int64_t>(random_.below(4)) * kMinute;
    pace_ = 1 + static_cast<std::int64_t>(random_.below(random_.chance(0.5) ? 2'000 : 30 * kSecond));
    service_clock_ = off();
    items_.resize(1 + random_.below(3));
    if (random_.chance(0.3)) fill_replica();
  }

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run() {
    start_worker();
    const std::uint64_t steps = 100 + random_.below(600);
    for (std::uint64_t step = 0; step < steps && !violation_; ++step) {
      now_ += static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(pace_))) + 1;
      if (random_.chance(0.01)) now_ += static_cast<std::int64_t>(random_.below(3 * 60)) * kMinute;
      if (random_.chance(0.4)) change_the_source();
      if (random_.chance(0.1)) change_the_source();  // at the very same time
      deliver();
      for (std::uint64_t i = random_.below(6); i > 0; --i) act();
      if (random_.chance(0.02)) replace_worker();
      land_strays(0.1);
    }
    for (std::uint64_t i = random_.below(5); i > 0; --i) change_the_source();
    calm_ = true;
    now_ += disorder_ + kSecond;
    deliver();
    for (int i = 0; i < 200'000 && !violation_ && !at_rest(); ++i) {
      now_ += 1 + static_cast<std::int64_t>(random_.below(10 * kSecond));
      act();
      land_strays(0.1);
    }
    if (!violation_ && !at_rest()) trouble("not at rest");
    for (std::size_t key = 0; key < items_.size() && !violation_; ++key) {
      const Replica& there = replica_[key];
      if (there.content != items_[key].content) {
        trouble("key " + std::to_string(key) + " is '" + there.content + "' in the replica but '" +
                items_[key].content + "' in the source");
      }
    }
    return violation_;
  }

  struct Figures {
    std::uint64_t changes = 0;
    std::uint64_t events = 0;
    std::uint64_t fast = 0;  ///< images put without a read
    std::uint64_t reads = 0;
    std::uint64_t superseded = 0;
    std::uint64_t workers = 0;
  };
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  static constexpr std::int64_t kSecond = 1'000'000;
  static constexpr std::int64_t kMinute = 60 * kSecond;
  static constexpr std::int64_t kMargin = std::chrono::microseconds(sink::GuardedWrite::kClockMargin).count();

  struct Item {
    std::string content;  ///< empty: there is none
    Version version = 0;
    std::int64_t stamped = 0;
  };
  struct Event {
    std::size_t key = 0;
    Version version = 0;
    std::string image{};  ///< empty: a deletion
    std::int64_t created = 0;
    std::int64_t arrives = 0;
  };
  /// Its content is what the source had from version `first` on, or again at `last`.
  struct Replica {
    std::string content{};
    std::optional<sink::Seen> seen{};
    Version first = 0;
    Version last = 0;
  };
  struct Write {
    ordering::ChangeBuffer::InFlight item;
    Event event;
    sink::GuardedWrite way;
    Replica saw{};  ///< of the replica, when it was read
    Item read{};    ///< of the source
    bool is_image = false;
  };

  [[nodiscard]] std::int64_t off() {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(kMargin))) - kMargin / 2;
  }
  void trouble(const std::string& what) {
    if (!violation_) violation_ = what;
  }
  [[nodiscard]] static std::string name(const Event& event) {
    return "key " + std::to_string(event.key) + " version " + std::to_string(event.version);
  }

  // ---- the source

  void change_the_source() {
    Event event{.key = random_.below(items_.size()), .version = ++version_};
    Item& item = items_[event.key];
    // Now and then what it was before, so that one content belongs to several versions.
    if (random_.chance(0.7)) event.image = random_.chance(0.3) ? "a" : "v" + std::to_string(version_);
    if (random_.chance(0.1)) event.image = "b";
    event.created = std::max(item.stamped, now_ + service_clock_);
    if (milliseconds_) event.created -= event.created % 1'000;
    item = {.content = event.image, .version = event.version, .stamped = event.created};
    ++figures_.changes;
    for (bool again = true; again; again = random_.chance(0.2)) {
      event.arrives =
          now_ + (disorder_ == 0 ? 0 : static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(disorder_))));
      on_their_way_.emplace(event.arrives, event);
    }
  }

  void deliver() {
    while (!on_their_way_.empty() && on_their_way_.begin()->first <= now_) {
      feed_.push_back(on_their_way_.begin()->second);
      on_their_way_.erase(on_their_way_.begin());
      ++figures_.events;
    }
  }

  /// Items that were there before there was a guard.
  void fill_replica() {
    for (std::size_t key = 0; key < items_.size(); ++key) {
      items_[key] = {.content = "copied", .version = 0, .stamped = 0};
      replica_[key] = {.content = "copied", .seen = std::nullopt};
    }
  }

  // ---- a worker

  void start_worker() {
    ordering::ChangeBuffer::Options options;
    options.by_creation = guarded_;
    buffer_ = std::make_unique<ordering::ChangeBuffer>(options);
    shard_ = buffer_->add_shard();
    next_ = saved_;
    clock_ = off() + service_clock_ / 2;
    clock_ = std::clamp(clock_, service_clock_ - kMargin + kSecond, service_clock_ + kMargin - kSecond);
    ++figures_.workers;
  }

  /// Killed, or the next one's lease: what it was about to write may still land. An insertion into nothing does so at
  /// once or never, because no write is sent after the lease that permits it (`not_after`), which the next worker
  /// waits for; one on what the replica holds is safe at any time.
  void replace_worker() {
    for (Write& write : writes_) {
      if (!random_.chance(0.5)) continue;
      const bool on_condition = guarded_ && write.saw.seen.has_value() && write.way.step() != Step::kPutImage;
      strays_.push_back(std::move(write));
      if (!on_condition) land(strays_.back()), strays_.pop_back();
    }
    writes_.clear();
    start_worker();
  }

  void land(Write& write) {
    const Step step = write.way.step();
    if (step == Step::kPutImage || step == Step::kPutItem || step == Step::kDelete) (void)take_step(write);
  }

  void land_strays(double chance) {
    for (auto stray = strays_.begin(); stray != strays_.end();) {
      if (!random_.chance(chance)) {
        ++stray;
        continue;
      }
      land(*stray);
      stray = strays_.erase(stray);
    }
  }

  void act() {
    switch (random_.below(4)) {
      case 0:
        return read_some();
      case 1:
        return begin_a_write();
      case 2:
        return go_on_with_a_write();
      default:
        if (const auto& safe = buffer_->safe(shard_)) saved_ = std::max<std::size_t>(saved_, version_of(*safe));
    }
  }

  void read_some() {
    for (std::uint64_t i = random_.below(8); i > 0 && next_ < feed_.size(); --i) {
      const Event& event = feed_[next_++];
      const WallTime created{std::chrono::microseconds(event.created)};
      buffer_->push(shard_, {key_text(static_cast<int>(event.key)), event.image, sequence_of(next_), created});
    }
  }

  void begin_a_write() {
    const auto taken = buffer_->take(1, 10'000, steady());
    if (taken.empty()) return;
    const model::Change& change = *taken.front().change;
    Event event = feed_[version_of(change.sequence()) - 1];
    const bool has_image = !change.is_delete() && !change.is_key_only();
    writes_.push_back({taken.front(), event, sink::GuardedWrite(event.created, has_image)});
  }

  void go_on_with_a_write() {
    if (writes_.empty()) return;
    const auto write = std::next(writes_.begin(), static_cast<std::ptrdiff_t>(random_.below(writes_.size())));
    const bool lost = !calm_ && random_.chance(0.05);
    const bool over = take_step(*write);
    if (!over && !lost) return;
    if (lost || write->way.step() == Step::kTryAgain) {
      buffer_->retry(write->item.ticket, steady());  // nobody knows what became of it
    } else if (write->way.step() == Step::kSuperseded) {
      ++figures_.superseded;
      if (replica_[write->event.key].last < write->event.version && write->way.rule() == "newer image") {
        trouble(name(write->event) + " was called older than the replica's");
      }
      buffer_->superseded(write->item.ticket);
    } else {
      buffer_->applied(write->item.ticket);
    }
    writes_.erase(write);
  }

  using Step = sink::GuardedWrite::Step;

  /// True when it was the last one.
  bool take_step(Write& write) {
    Replica& there = replica_[write.event.key];
    sink::GuardedWrite& way = write.way;
    if (!guarded_) {
      there = {write.event.image, std::nullopt, write.event.version, write.event.version};
      if (way.step() == Step::kReadReplica) way.replica_is({}), way.primary_is({});
      if (way.step() == Step::kPutImage) way.image_put(true);
      return true;
    }
    switch (way.step()) {
      case Step::kPutImage:
        put_image(write, there);
        break;
      case Step::kReadReplica:
        write.saw = there;
        way.replica_is({.there = !there.content.empty(),
                        .seen = there.content.empty() ? std::nullopt : there.seen,
                        .is_image = there.content == write.event.image});
        break;
      case Step::kReadPrimary:
        ++figures_.reads;
        write.read = items_[write.event.key];
        write.is_image = write.read.content == write.event.image;
        way.primary_is({.there = !write.read.content.empty(),
                        .is_image = write.is_image,
                        .asked_at = now_ + clock_ - static_cast<std::int64_t>(random_.below(kSecond)),
                        .answered_at = now_ + clock_ + static_cast<std::int64_t>(random_.below(kSecond))});
        break;
      case Step::kPutItem:
      case Step::kDelete:
        write_what_was_read(write, there);
        break;
      default:
        break;
    }
    return way.step() == Step::kApplied || way.step() == Step::kSuperseded || way.step() == Step::kTryAgain;
  }

  void put_image(Write& write, Replica& there) {
    const bool held =
        !there.content.empty() && there.seen && sink::GuardedWrite::may_put_image(*there.seen, write.way.created());
    if (held) {
      if (write.event.version < there.first) trouble(name(write.event) + " was put over a newer image");
      there = {write.event.image, write.way.guard(), write.event.version, write.event.version};
      ++figures_.fast;
    }
    write.way.image_put(held);
  }

  void write_what_was_read(Write& write, Replica& there) {
    const bool unchanged =
        there.content.empty() == write.saw.content.empty() && (there.content.empty() || there.seen == write.saw.seen);
    if (unchanged) {
      if (write.read.version < there.last) trouble(name(write.event) + " was read before what it was put over");
      const bool from_image = write.is_image && write.way.step() == Step::kPutItem;
      const Version first = from_image ? std::min(write.event.version, write.read.version) : write.read.version;
      there = {write.read.content, write.way.guard(), first, write.read.version};
      if (there.content.empty()) there.seen.reset();
    }
    write.way.written(unchanged);
  }

  [[nodiscard]] SteadyTime steady() const { return SteadyTime(std::chrono::microseconds(now_)); }
  [[nodiscard]] bool at_rest() const {
    return on_their_way_.empty() && next_ == feed_.size() && writes_.empty() && buffer_->counters().held() == 0 &&
           strays_.empty();
  }

  Random random_;
  bool guarded_;
  bool milliseconds_ = false;
  std::int64_t disorder_ = 0;
  std::int64_t pace_ = 1;
  std::int64_t service_clock_ = 0;  ///< of the stamps, against true time
  std::int64_t clock_ = 0;          ///< the worker's, likewise
  std::int64_t now_ = 1'700'000'000 * kSecond;
  Version version_ = 0;
  std::vector<Item> items_;
  std::map<std::size_t, Replica> replica_;
  std::multimap<std::int64_t, Event> on_their_way_;
  std::vector<Event> feed_;
  std::unique_ptr<ordering::ChangeBuffer> buffer_;
  ordering::ChangeBuffer::ShardHandle shard_ = 0;
  std::size_t next_ = 0;   ///< to be read
  std::size_t saved_ = 0;  ///< how many are safe
  std::list<Write> writes_;
  std::list<Write> strays_;
  bool calm_ = false;
  std::optional<std::string> violation_;
  Figures figures_;
};

}  // namespace dynamirror::sim
