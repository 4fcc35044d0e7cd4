// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "jobs/copy/copy_core.hpp"
#include "jobs/segments/task_core.hpp"
#include "pipeline/write_core.hpp"
#include "sim/segment_keepers.hpp"
#include "sim/segment_world.hpp"

namespace dynamirror::sim {

/// A process that works on segments, until it dies: its memory goes with it, the world stays.
class SegmentProcess : public jobs::SegmentWork {
 public:
  SegmentProcess(SegmentWorld& world, std::string id, std::unique_ptr<SimSegmentKeeper> keeper)
      : world_(world), id_(std::move(id)), keeper_(std::move(keeper)) {}
  SegmentProcess(const SegmentProcess&) = delete;
  SegmentProcess& operator=(const SegmentProcess&) = delete;

  void start() { expect(keeper_->start(*this)); }
  /// One step of what a real process does side by side.
  void act() {
    if (world_.random.chance(0.25)) {
      expect(keeper_->act());
    } else {
      work();
    }
    check();
  }
  void stop() {
    stopping_ = true;
    keeper_->stop();
  }
  /// The end of an orderly stop, whether or not everything is at rest by now.
  void close() {
    say_what_is_safe();
    expect(keeper_->close());
    die();
  }
  /// What it has sent may land later.
  virtual void die() = 0;

  /// Nothing happens in it until then; what it has sent lands.
  void pause(SteadyTime until) { paused_until_ = until; }
  [[nodiscard]] bool paused() const { return world_.clock.steady_now() < paused_until_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] bool idle() const { return !keeper_->holds_any() && at_rest(); }

  void all_done() override {
    complete_ = true;
    world_.check_done();
  }
  void fail(jobs::JobFailure failure) override {
    failed_ = true;
    const bool expected = failure.reason == jobs::Reason::kState && world_.faults.store_fails > 0;
    if (!expected) SegmentWorld::trouble("the job has failed: " + to_line(failure.error));
  }

 protected:
  virtual void work() = 0;
  virtual void check() const = 0;
  virtual void say_what_is_safe() {}
  [[nodiscard]] virtual bool at_rest() const = 0;
  void expect(const Status& status) {
    if (!status) fail({jobs::Reason::kState, status.error()});
  }
  [[nodiscard]] SteadyTime now() const { return world_.clock.steady_now(); }

  SegmentWorld& world_;
  std::string id_;
  std::unique_ptr<SimSegmentKeeper> keeper_;

 private:
  SteadyTime paused_until_{};
  bool failed_ = false;
  bool stopping_ = false;
  bool complete_ = false;
};

/// What TableScan is to those who use it: pages of the segments that were added, one under way of each.
class SimScan final : public jobs::SegmentScan {
 public:
  struct Segment {
    source::SegmentPosition position;
    std::optional<SegmentTable::Page> under_way{};
    bool removed = false;  ///< ends with the page under way
  };

  SimScan(SegmentWorld& world, std::string worker) : world_(world), worker_(std::move(worker)) {}

  void add(source::SegmentPosition position) override {
    if (segments_.contains(position.segment)) SegmentWorld::trouble("a segment is read twice at once");
    const std::uint32_t number = position.segment;
    turns_[number] = world_.turn_begins(position, worker_);
    segments_[number] = {.position = std::move(position)};
  }
  void remove(std::uint32_t number) override {
    const auto segment = segments_.find(number);
    if (segment == segments_.end()) return;
    segment->second.removed = true;
    if (!segment->second.under_way) segments_.erase(segment);
  }
  [[nodiscard]] bool holds(std::uint32_t segment) const override { return segments_.contains(segment); }

  /// Asks for the next page of some segment, unless one is under way; answers that segment when it is.
  [[nodiscard]] Segment* any_with_page() {
    if (segments_.empty()) return nullptr;
    const auto nth = static_cast<std::ptrdiff_t>(world_.random.below(segments_.size()));
    Segment& segment = std::next(segments_.begin(), nth)->second;
    if (!segment.under_way) {
      if (world_.random.chance(world_.faults.read_throttled)) return nullptr;
      segment.under_way = world_.table.read(segment.position);
      if (world_.random.chance(0.5)) return nullptr;
    }
    return &segment;
  }
  /// Its receiver has taken the page.
  void delivered(Segment& segment) {
    segment.position = std::exchange(segment.under_way, std::nullopt)->position;
    if (segment.position.done || segment.removed) segments_.erase(segment.position.segment);
  }
  /// The newest one of that segment.
  [[nodiscard]] SegmentWorld::Turn turn_of(std::uint32_t segment) const { return turns_.at(segment); }

 private:
  SegmentWorld& world_;
  std::string worker_;
  std::map<std::uint32_t, Segment> segments_;
  std::map<std::uint32_t, SegmentWorld::Turn> turns_;
};

/// What TableCopy is around CopyCore and WriteCore.
class CopyProcess final : public SegmentProcess {
 public:
  struct Options {
    ordering::ChangeBuffer::Options buffer;
    Duration wind_down_time{};
    std::size_t max_writes = 4;
    std::size_t max_batch = 25;
  };

  CopyProcess(SegmentWorld& world, std::string id, std::unique_ptr<SimSegmentKeeper> keeper, Options options)
      : SegmentProcess(world, std::move(id), std::move(keeper)),
        options_(options),
        letters_(world),
        writes_({.target = "the target", .dead_letters = &letters_, .clock = world.clock, .random = world.random},
                {.buffer = options.buffer}, {}),
        scan_(world, id_),
        core_({writes_, keeper_->rights(), scan_}, {.hash = {"id", "N"}, .range = std::nullopt},
              options.wind_down_time) {}

  void begin(source::SegmentPosition from) override { core_.begin(std::move(from)); }
  void wind_down(std::uint32_t segment) override { core_.wind_down(segment); }
  void lose(std::uint32_t segment) override { core_.lose(segment); }
  void finished(std::uint32_t segment) override { core_.finished(segment); }

  void die() override {
    keeper_->die();
    if (!adding_.empty()) letters_.add_some(adding_.front().letters);
    adding_.clear();
    for (const Batch& batch : writing_) {
      for (const SegmentWorld::Write& write : batch.writes) {
        if (!write.landed && !world_.table.is_poison(write.key)) world_.leave_behind(write);
      }
    }
    writing_.clear();
  }

 private:
  /// The dead-letter file of this worker.
  class Letters final : public sink::Quarantine {
   public:
    explicit Letters(SegmentWorld& world) : world_(world) {}
    [[nodiscard]] bool quarantined(std::string_view key) const override { return keys_.contains(key_of(key)); }
    [[nodiscard]] std::size_t keys() const override { return keys_.size(); }
    [[nodiscard]] Status add(std::span<const sink::DeadLetter> letters) {
      if (world_.random.chance(world_.faults.store_fails)) return no_space("add dead letters");
      for (const sink::DeadLetter& letter : letters) {
        world_.dead_lettered(key_of(letter.change));
        keys_.insert(key_of(letter.change));
      }
      added += letters.size();
      return {};
    }
    [[nodiscard]] std::string describe() const override { return "the dead letters"; }
    /// The process is killed while it adds these: the file has some of them.
    void add_some(std::span<const sink::DeadLetter> letters) {
      const std::size_t whole = world_.random.below(letters.size() + 1);
      for (const sink::DeadLetter& letter : letters.first(whole)) world_.dead_lettered(key_of(letter.change));
    }
    std::uint64_t added = 0;

   private:
    SegmentWorld& world_;
    std::set<int> keys_;
  };

  struct Batch {
    jobs::WriteCore::Batch batch;
    std::vector<SegmentWorld::Write> writes{};  ///< of its changes, in their order
    SteadyTime ends{};
  };

  void work() override {
    switch (world_.random.below(5)) {
      case 0:
        return read_a_page();
      case 1:
        return start_a_write();
      case 2:
        return end_a_write();
      case 3:
        return end_an_addition();
      default:
        core_.checkpoint();
        (void)core_.tend(now());
    }
  }
  void say_what_is_safe() override { core_.checkpoint(); }
  [[nodiscard]] bool at_rest() const override { return writes_.counters().held() == 0; }

  void read_a_page() {
    SimScan::Segment* segment = scan_.any_with_page();
    if (segment == nullptr) return;
    const source::SegmentPosition& position = segment->under_way->position;
    if (core_.must_wait(position.segment)) return;
    if (!segment->removed) pushed_ += segment->under_way->page.size();
    if (auto taken = core_.page_arrived(segment->under_way->page, position, world_.clock.wall_now()); !taken) {
      SegmentWorld::trouble(to_line(taken.error()));
    }
    scan_.delivered(*segment);
  }

  void start_a_write() {
    if (writing_.size() >= options_.max_writes) return;
    auto taken = writes_.take({.max_changes = 1 + world_.random.below(options_.max_batch), .max_bytes = 1'000});
    if (!taken) return;
    Batch batch{.batch = std::move(*taken)};
    for (const auto& item : batch.batch.changes) {
      const int key = key_of(*item.change);
      batch.writes.push_back({.key = key,
                              .turn = scan_.turn_of(SegmentTable::segment_of(key)),
                              .worker = id_,
                              .not_after = batch.batch.not_after});
    }
    batch.ends = now() + std::chrono::milliseconds{world_.random.below(80)};
    writing_.push_back(std::move(batch));
    if (world_.random.chance(0.3)) land_some(writing_.back());
  }

  /// Some land before there is an answer.
  void land_some(Batch& batch) {
    for (SegmentWorld::Write& write : batch.writes) {
      if (world_.random.chance(0.5) && !world_.table.is_poison(write.key)) world_.land(write);
    }
  }

  void end_a_write() {
    if (writing_.empty()) return;
    const auto chosen = std::next(writing_.begin(), static_cast<std::ptrdiff_t>(world_.random.below(writing_.size())));
    if (chosen->ends > now()) return;
    Batch batch = std::move(*chosen);
    writing_.erase(chosen);
    std::vector<sink::Outcome> outcomes;
    for (SegmentWorld::Write& write : batch.writes) {
      outcomes.push_back(outcome(write));
      if (std::holds_alternative<sink::Applied>(outcomes.back())) ++applied_;
    }
    auto settled = writes_.settle(batch.batch, outcomes);
    if (settled.failure) return fail(std::move(*settled.failure));
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

  [[nodiscard]] sink::Outcome outcome(SegmentWorld::Write& write) {
    const auto error = [](ErrorClass error_class, const char* what) {
      return Error{.error_class = error_class, .doing = "write", .resource = {}, .code = {}, .message = what};
    };
    if (!write.landed && now() > write.not_after) return sink::TryAgain{error(ErrorClass::kTransient, "too late")};
    if (!write.landed && world_.random.chance(world_.faults.write_throttled)) {
      return sink::TryAgain{error(ErrorClass::kThrottled, "slow down")};
    }
    const bool fails = world_.random.chance(world_.faults.write_fails);
    if (!write.landed && fails && world_.random.chance(0.5)) {
      return sink::TryAgain{error(ErrorClass::kTransient, "no answer")};
    }
    if (world_.table.is_poison(write.key)) return sink::Rejected{error(ErrorClass::kInvalid, "poison")};
    if (!write.landed) world_.land(write);
    if (fails) return sink::TryAgain{error(ErrorClass::kTransient, "the answer was lost")};
    return sink::Applied{};
  }

  void check() const override {
    const auto& counters = writes_.counters();
    if (counters.read != pushed_ || counters.applied != applied_ || counters.dead_lettered != letters_.added) {
      SegmentWorld::trouble("the counters do not tell what was done");
    }
    if (counters.settled() > counters.read) SegmentWorld::trouble("more items were settled than read");
    // A page of each segment may have been taken when there was room.
    constexpr std::size_t kPage = SegmentTable::kMostSlotsOfAPage;
    if (counters.held() > options_.buffer.max_changes + kPage * world_.table.segments()) {
      SegmentWorld::trouble("too many items held");
    }
  }

  Options options_;
  Letters letters_;
  jobs::WriteCore writes_;
  SimScan scan_;
  jobs::CopyCore core_;
  std::list<Batch> writing_;
  std::list<jobs::WriteCore::Poison> adding_;  ///< to the dead letters

  // To be compared with the counters.
  std::uint64_t pushed_ = 0;
  std::uint64_t applied_ = 0;
};

/// What LeasedTasks is around TaskCore, with a dump for its work: a segment's lines, then its manifest.
class TaskProcess final : public SegmentProcess {
 public:
  TaskProcess(SegmentWorld& world, std::string id, std::unique_ptr<SimSegmentKeeper> keeper, std::size_t at_once)
      : SegmentProcess(world, std::move(id), std::move(keeper)),
        at_once_(at_once),
        core_(keeper_->rights(), at_once),
        scan_(world, id_) {}

  void begin(source::SegmentPosition from) override {
    core_.begin(from);
    begin_turns();
  }
  void wind_down(std::uint32_t segment) override { core_.wind_down(segment); }
  void lose(std::uint32_t segment) override { core_.lose(segment); }
  void finished(std::uint32_t segment) override { core_.finished(segment); }
  void die() override { keeper_->die(); }

 private:
  struct Turn {
    std::set<int> lines{};
    bool read_to_end = false;
  };

  void begin_turns() {
    if (stopping()) core_.stop();
    while (const auto segment = core_.next()) {
      scan_.add({.segment = *segment});
      under_way_[*segment] = {};
    }
  }

  void work() override {
    if (stopping()) core_.stop();
    if (world_.random.chance(0.5)) return read_a_page();
    if (under_way_.empty()) return;
    const auto nth = static_cast<std::ptrdiff_t>(world_.random.below(under_way_.size()));
    const auto& [segment, turn] = *std::next(under_way_.begin(), nth);
    if (core_.must_end(segment)) {
      scan_.remove(segment);
      if (!scan_.holds(segment)) end(segment, false);
    } else if (turn.read_to_end) {
      const auto may = core_.may_write(segment, now());
      if (!may) return;
      if (*may) world_.manifest_written(segment, id_, turn.lines);
      end(segment, *may);
    }
  }

  void read_a_page() {
    SimScan::Segment* segment = scan_.any_with_page();
    if (segment == nullptr) return;
    const source::SegmentPosition& position = segment->under_way->position;
    Turn& turn = under_way_.at(position.segment);
    const aws::ScanPage& page = segment->under_way->page;
    for (std::size_t i = 0; i < page.size(); ++i) turn.lines.insert(key_of(page.item(i)));
    turn.read_to_end = position.done;
    scan_.delivered(*segment);
  }

  void end(std::uint32_t segment, bool done) {
    under_way_.erase(segment);
    core_.ended(segment, done);
    begin_turns();
  }

  void check() const override {
    if (under_way_.size() > at_once_) SegmentWorld::trouble("too many turns at once");
  }
  [[nodiscard]] bool at_rest() const override { return core_.empty(); }

  std::size_t at_once_;
  jobs::TaskCore core_;
  SimScan scan_;
  std::map<std::uint32_t, Turn> under_way_;
};

}  // namespace dynamirror::sim
