// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "multimaster/key_work.hpp"
#include "sim/multimaster_table.hpp"
#include "unit/multimaster/values.hpp"

namespace dynamirror::multimaster::test {

/// Tables "a", "b", "c" with one key, written by hand; the works of their flows are done whole, or up to a step.
class Fleet {
 public:
  using Step = KeyWork::Step;

  explicit Fleet(std::size_t tables, Topology topology = Topology::kMesh) : topology_(topology) {
    for (std::size_t i = 0; i < tables; ++i) tables_.push_back(std::make_unique<sim::MultimasterTable>(i, 0));
  }

  [[nodiscard]] sim::MultimasterTable& table(std::size_t i) { return *tables_[i]; }

  // ---- applications

  void put(std::size_t t, int id, std::int64_t second) { table(t).put(kName, id, micros(second)); }
  void update(std::size_t t, int id, std::int64_t second) { table(t).update(kName, id, micros(second), false); }
  void remove(std::size_t t, std::int64_t second) { table(t).remove(kName, 0, micros(second)); }
  void expire(std::size_t t, std::int64_t second) { table(t).expire(kName, micros(second)); }
  void write(std::size_t t, const std::string& image, std::int64_t second) {
    table(t).write_back(kName, image, micros(second));
  }

  // ---- works

  [[nodiscard]] KeyWork local(std::size_t from, std::size_t to, std::size_t place) {
    auto record = read_record(table(from).stream()[place]);
    return KeyWork(LocalWork{.record = std::move(*record),
                             .origin = table(from).origin(),
                             .topology = topology_,
                             .next = table(to).origin()});
  }
  [[nodiscard]] KeyWork remote(const Message& message, std::size_t to = 1) const {
    return KeyWork(RemoteWork{.message = message, .origin = tables_[to]->origin(), .key = kKey, .topology = topology_});
  }
  void take_step(std::size_t t, KeyWork& work) {
    sim::MultimasterTable& there = table(t);
    switch (work.step()) {
      case Step::kReadTombstone:
        return work.tombstone_is(there.tombstone(kName));
      case Step::kReadItem:
        return work.item_is(there.state(kName));
      case Step::kWriteTombstone:
        return work.written(there.bury(kName, work.burial(), 0));
      case Step::kWriteItem:
        return work.written(there.write(kName, work, micros(kWhenReplicatorWrites)));
      default:
        return;
    }
  }
  /// Goes on until the work is at this step, or at its end.
  void advance(std::size_t t, KeyWork& work, Step step) {
    for (int steps = 0; work.step() != step && !is_end(work.step()) && steps < 100; ++steps) take_step(t, work);
  }
  void finish(std::size_t t, KeyWork& work) { advance(t, work, Step::kDone); }
  [[nodiscard]] KeyWork finished(std::size_t t, KeyWork work) {
    finish(t, work);
    return work;
  }

  // ---- flows

  /// Works on all that is in the flow, in order, up to the first record that has to wait. True: something was done.
  bool run_flow(std::size_t from, std::size_t to) {
    std::size_t& next = next_[{from, to}];
    const std::size_t before = next;
    while (next < table(from).stream().size() && run_record(from, to, next)) ++next;
    return next != before;
  }
  /// All flows until nothing is left to do. False: they do not come to rest.
  [[nodiscard]] bool settle() {
    for (int round = 0; round < 100; ++round) {
      bool busy = false;
      for (std::size_t from = 0; from < tables_.size(); ++from) {
        for (std::size_t to = 0; to < tables_.size(); ++to) {
          const bool next = to == (from + 1) % tables_.size();
          if (from != to && (topology_ == Topology::kMesh || next)) busy |= run_flow(from, to);
        }
      }
      if (!busy) return at_rest();
    }
    return false;
  }
  /// Everything from the beginning of the streams, as after a lost checkpoint.
  void replay() { next_.clear(); }

  // ---- what there is

  /// The write that the table holds; 0: no item.
  [[nodiscard]] int id(std::size_t t) {
    const auto& item = table(t).item(kName);
    return item ? sim::MultimasterTable::id_of(*item) : 0;
  }
  [[nodiscard]] std::optional<ItemState> item(std::size_t t) { return table(t).state(kName); }
  [[nodiscard]] std::optional<Version> version_of(std::size_t t) {
    const auto there = item(t);
    return there ? there->version : std::nullopt;
  }
  [[nodiscard]] std::optional<Tombstone> tombstone(std::size_t t) { return table(t).tombstone(kName); }
  /// How much has been written into the items, by anybody.
  [[nodiscard]] std::size_t records() const {
    std::size_t count = 0;
    for (const auto& table : tables_) count += table->stream().size();
    return count;
  }
  [[nodiscard]] const std::vector<Conflict>& conflicts() const { return conflicts_; }
  /// All tables hold this write, vouched for with one version; 0: none holds an item.
  [[nodiscard]] ::testing::AssertionResult all_hold(int id_expected) {
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      const auto there = item(t);
      const bool as_expected = there ? there->clean() && !there->deleted && version_of(t) == version_of(0) : true;
      if (id(t) != id_expected || !as_expected) return ::testing::AssertionFailure() << table(t).describe();
    }
    return ::testing::AssertionSuccess();
  }

 private:
  static inline const std::string kName = "k0";
  static constexpr std::int64_t kWhenReplicatorWrites = 50;

  [[nodiscard]] static std::int64_t micros(std::int64_t second) { return second * 1'000'000; }
  [[nodiscard]] static bool is_end(Step step) {
    return step == Step::kDone || step == Step::kWait || step == Step::kTryAgain;
  }
  [[nodiscard]] bool at_rest() const {
    for (const auto& [flow, next] : next_) {
      if (next < tables_[flow.first]->stream().size()) return false;
    }
    return true;
  }
  bool run_record(std::size_t from, std::size_t to, std::size_t place) {
    const auto record = read_record(table(from).stream()[place]);
    if (!needs_work(*record, table(from).origin(), topology_)) return true;
    const KeyWork here = finished(from, local(from, to, place));
    if (here.step() != Step::kDone) return false;
    if (here.conflict()) conflicts_.push_back(*here.conflict());
    if (!here.sent_on()) return true;
    const KeyWork there = finished(to, remote(*here.sent_on(), to));
    if (there.step() != Step::kDone) return false;
    if (there.conflict()) conflicts_.push_back(*there.conflict());
    return true;
  }

  Topology topology_;
  std::vector<std::unique_ptr<sim::MultimasterTable>> tables_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> next_;
  std::vector<Conflict> conflicts_;
};

}  // namespace dynamirror::multimaster::test
