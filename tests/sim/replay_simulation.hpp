// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "ordering/change_buffer.hpp"
#include "sim/source_stream.hpp"
#include "sink/differing_write.hpp"

namespace dynamirror::sim {

/// A table, its replica that holds anything, and a stream of the table's keys that is replayed from its beginning
/// through the real ChangeBuffer and DifferingWrite, beside a live replication that reads each item and writes it as it
/// is, or alone. Everything follows from the seed.
class ReplaySimulation {
 public:
  explicit ReplaySimulation(std::uint64_t seed) : random_(seed), live_(random_.chance(0.7)) {
    source_.resize(1 + random_.below(3));
    replica_.resize(source_.size());
    for (std::size_t key = 0; key < source_.size(); ++key) {
      change_the_source(key);
      replica_[key] = any_content();
    }
  }

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run() {
    begin(live_worker_);
    begin(replay_worker_);
    const double pace = static_cast<double>(1 + random_.below(40)) / 100;
    const std::uint64_t steps = 50 + random_.below(400);
    const std::uint64_t last = live_ ? random_.below(40) : 0;
    for (std::uint64_t step = 0; step < steps; ++step) {
      if (random_.chance(pace)) change_the_source(random_.below(source_.size()));
      act();
      if (step + last == steps) stop_the_replay();
      if (random_.chance(0.01)) kill(stopping_ || random_.chance(0.5) ? live_worker_ : replay_worker_);
    }
    calm_ = true;
    for (int i = 0; i < 100'000 && !at_rest(); ++i) act();
    if (!at_rest()) return "not at rest";
    for (std::size_t key = 0; key < source_.size(); ++key) {
      if (replica_[key] == source_[key]) continue;
      return "key " + std::to_string(key) + " is '" + replica_[key] + "' in the replica but '" + source_[key] +
             "' in the source";
    }
    return std::nullopt;
  }

  struct Figures {
    std::uint64_t changes = 0;
    std::uint64_t written = 0;  ///< by the replay
    std::uint64_t refused = 0;  ///< its conditions that did not hold
    std::uint64_t again = 0;    ///< writes after which the primary had another item
    std::uint64_t equal = 0;
  };
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  using Step = sink::DifferingWrite::Step;

  struct Write {
    ordering::ChangeBuffer::InFlight item;
    std::size_t key = 0;
    sink::DifferingWrite way{};
    std::optional<std::string> primary{};  ///< as it was read
    std::string replica{};
  };
  struct Worker {
    std::unique_ptr<ordering::ChangeBuffer> buffer{};
    ordering::ChangeBuffer::ShardHandle shard = 0;
    std::size_t next = 0;
    std::size_t saved = 0;
    std::list<Write> writes{};
  };

  /// Of few, so that an item is now and then again what it was; empty: there is none.
  [[nodiscard]] std::string any_content() {
    const std::uint64_t letter = random_.below(4);
    return letter == 0 ? std::string() : std::string(1, static_cast<char>('a' + letter));
  }

  void change_the_source(std::size_t key) {
    source_[key] = any_content();
    feed_.push_back(key);
    ++figures_.changes;
  }

  void begin(Worker& worker) {
    worker.writes.clear();
    worker.buffer = std::make_unique<ordering::ChangeBuffer>(ordering::ChangeBuffer::Options{});
    worker.shard = worker.buffer->add_shard();
    worker.next = worker.saved;
  }

  /// What it was about to write lands at once or never: `not_after` is over before another one begins.
  void kill(Worker& worker) {
    for (Write& write : worker.writes) {
      if (random_.chance(0.5)) continue;
      if (&worker == &live_worker_ && write.primary) replica_[write.key] = *write.primary;
      if (&worker == &replay_worker_ && write.way.step() == Step::kWrite) (void)put_on_condition(write);
    }
    begin(worker);
  }

  /// It reads no more, and takes its time for what is under way.
  void stop_the_replay() {
    stopping_ = true;
    share_of_live_ = 0.9;
  }

  void act() {
    Worker& worker = live_ && random_.chance(share_of_live_) ? live_worker_ : replay_worker_;
    switch (random_.below(4)) {
      case 0:
        return read_some(worker);
      case 1:
        return begin_a_write(worker);
      case 2:
        return go_on_with_a_write(worker);
      default:
        if (const auto& safe = worker.buffer->safe(worker.shard)) worker.saved = version_of(*safe);
    }
  }

  void read_some(Worker& worker) {
    if (&worker == &replay_worker_ && stopping_) return;
    for (std::uint64_t i = random_.below(5); i > 0 && worker.next < feed_.size(); --i) {
      const std::string key = key_text(static_cast<int>(feed_[worker.next]));
      worker.buffer->push(worker.shard, model::Change::of_key(key, sequence_of(++worker.next), {}));
    }
  }

  void begin_a_write(Worker& worker) {
    const auto taken = worker.buffer->take(1, 10'000, SteadyTime());
    if (taken.empty()) return;
    worker.writes.push_back({.item = taken.front(), .key = feed_[version_of(taken.front().change->sequence()) - 1]});
  }

  void go_on_with_a_write(Worker& worker) {
    if (worker.writes.empty()) return;
    const auto write =
        std::next(worker.writes.begin(), static_cast<std::ptrdiff_t>(random_.below(worker.writes.size())));
    const bool lost = !calm_ && random_.chance(0.05);  // nobody knows what became of the step
    const bool over = &worker == &live_worker_ ? go_on_live(*write) : go_on_replaying(*write);
    if (!over && !lost) return;
    if (lost || write->way.step() == Step::kTryAgain) {
      worker.buffer->retry(write->item.ticket, SteadyTime());
    } else if (write->way.step() == Step::kAlreadyEqual) {
      ++figures_.equal;
      worker.buffer->superseded(write->item.ticket);
    } else {
      worker.buffer->applied(write->item.ticket);
    }
    worker.writes.erase(write);
  }

  /// As PresentItems does. True when it was the last step.
  bool go_on_live(Write& write) {
    if (!write.primary) {
      write.primary = source_[write.key];
      return false;
    }
    replica_[write.key] = *write.primary;
    return true;
  }

  bool go_on_replaying(Write& write) {
    sink::DifferingWrite& way = write.way;
    switch (way.step()) {
      case Step::kReadReplica:
        write.replica = replica_[write.key];
        way.replica_read();
        break;
      case Step::kReadPrimary:
        write.primary = source_[write.key];
        way.primary_read(*write.primary == write.replica);
        break;
      case Step::kWrite:
        way.written(put_on_condition(write));
        break;
      case Step::kCheckPrimary:
        figures_.again += source_[write.key] == *write.primary ? 0 : 1;
        way.checked(source_[write.key] == *write.primary);
        break;
      default:
        break;
    }
    return way.over();
  }

  bool put_on_condition(const Write& write) {
    const bool held = replica_[write.key] == write.replica;
    if (held) replica_[write.key] = *write.primary;
    ++(held ? figures_.written : figures_.refused);
    return held;
  }

  [[nodiscard]] bool at_rest() const {
    const auto rests = [this](const Worker& worker) {
      const bool read = worker.next == feed_.size() || (&worker == &replay_worker_ && stopping_);
      return read && worker.writes.empty() && worker.buffer->counters().held() == 0;
    };
    return rests(replay_worker_) && (!live_ || rests(live_worker_));
  }

  Random random_;
  double share_of_live_ = static_cast<double>(1 + random_.below(19)) / 20;  ///< of all that happens
  bool live_;                                                               ///< a replication follows the stream, too
  bool calm_ = false;
  bool stopping_ = false;  ///< the replay reads no more, and ends what it has read: the rest is the live one's
  std::vector<std::string> source_;
  std::vector<std::string> replica_;
  std::vector<std::size_t> feed_;  ///< the key of each change
  Worker live_worker_;
  Worker replay_worker_;
  Figures figures_;
};

}  // namespace dynamirror::sim
