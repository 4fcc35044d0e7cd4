// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "multimaster/key_work.hpp"
#include "ordering/change_buffer.hpp"
#include "sim/multimaster_table.hpp"

namespace dynamirror::sim {

/// Two to five tables that applications write on all sides, and the flows between them: each is the real KeyWork,
/// `needs_work`, `combine` and ChangeBuffer, request by request and in any order, with clocks that differ, replays,
/// lost answers, requests that land late, kills, pauses of hours and tombstones collected. Everything follows from the
/// seed. Times are microseconds.
class MultimasterSimulation {
 public:
  explicit MultimasterSimulation(std::uint64_t seed) : random_(seed) {
    topology_ = random_.chance(0.3) ? multimaster::Topology::kRing : multimaster::Topology::kMesh;
    const std::size_t tables = random_.chance(0.7) ? 2 + random_.below(2) : 2 + random_.below(4);
    skew_ = std::array<std::int64_t, 5>{0, 300'000, 3 * kSecond, 10 * kSecond, 300 * kSecond}[random_.below(5)];
    keys_ = random_.chance(0.6) ? 1 : 1 + random_.below(3);
    busy_ = std::array{0.3, 0.1, 0.03, 0.015}[random_.below(4)];
    blind_ = random_.chance(0.2);
    long_pauses_ = random_.chance(0.2);
    writes_back_ = random_.chance(0.3);
    clock_steps_ = random_.chance(0.1) && skew_ <= 10 * kSecond;
    for (std::size_t i = 0; i < tables; ++i) tables_.push_back(std::make_unique<MultimasterTable>(i, off()));
    adopting_ = random_.chance(0.2);
    for (std::size_t k = 0; adopting_ && k < keys_; ++k) {
      for (auto& table : tables_) {
        if (random_.chance(0.7)) table->fill("k" + std::to_string(k), random_.chance(0.3) ? 1'000 : 1'000 + ++ids_);
      }
    }
    for (std::size_t from = 0; from < tables; ++from) {
      for (std::size_t to = 0; to < tables; ++to) {
        const bool next = to == (from + 1) % tables;
        if (from != to && (topology_ == multimaster::Topology::kMesh || next)) add_flow(from, to);
      }
    }
  }

  /// What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> run() {
    writes_ = random_.chance(0.5) ? 2 + random_.below(14) : 10 + random_.below(40);
    for (int step = 0; step < 60'000 && !violation_; ++step) {
      pass_time(writes_ > 0);
      if (writes_ > 0 && random_.chance(busy_)) {
        apply_a_write();
        --writes_;
        continue;
      }
      Flow& flow = *flows_[random_.below(flows_.size())];
      if (writes_ > 0 && flow.lazy && random_.chance(0.9)) continue;
      if (writes_ > 0 && random_.chance(0.01)) kill(flow);
      act(flow);
      land_strays(writes_ > 0 ? 0.05 : 1);
      if (writes_ == 0 && at_rest()) return check();
    }
    if (!violation_) violation_ = "does not come to rest" + describe();
    return violation_;
  }

  struct Figures {
    std::uint64_t writes = 0;  ///< of applications
    std::uint64_t replicator_writes = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t kills = 0;
    std::uint64_t waits = 0;
    std::uint64_t raised = 0;  ///< versions that are later than their records
  };
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  using KeyWork = multimaster::KeyWork;
  using Step = KeyWork::Step;
  using Version = multimaster::Version;
  static constexpr std::int64_t kSecond = 1'000'000;
  static constexpr std::int64_t kHour = 3'600 * kSecond;

  struct Work {
    std::optional<ordering::ChangeBuffer::Ticket> ticket;  ///< nothing for an item that is adopted
    std::string key;
    KeyWork local;
    std::optional<KeyWork> remote{};
    [[nodiscard]] KeyWork& current() { return remote ? *remote : local; }
  };
  struct Flow {
    std::size_t from = 0;
    std::size_t to = 0;
    bool lazy = false;
    std::unique_ptr<ordering::ChangeBuffer> buffer{};
    ordering::ChangeBuffer::ShardHandle shard = 0;
    std::size_t next = 0;   ///< to be read
    std::size_t saved = 0;  ///< how many are safe
    std::list<Work> works{};
    std::map<std::string, std::optional<model::ItemDigest>> to_adopt{};  ///< as it was read; nothing before
    std::set<std::string> waiting{};  ///< keys with a version here, for which the other table is not ready
  };
  /// A request of a worker that is gone, or whose answer was lost.
  struct Stray {
    std::size_t table = 0;
    std::string key{};
    KeyWork work;
  };

  struct Under {
    std::string key;
    int id = 0;
    MultimasterTable::Below below;
  };

  [[nodiscard]] std::int64_t off() {
    return skew_ == 0 ? 0 : static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * skew_))) - skew_;
  }
  void trouble(const std::string& what) {
    if (!violation_) violation_ = what + describe();
  }
  [[nodiscard]] std::string describe() const {
    std::string text = topology_ == multimaster::Topology::kRing ? "\nring" : "\nmesh";
    for (const auto& table : tables_) text += "\n" + table->describe();
    return text + "\n" + history_;
  }
  void note(const std::string& line) { history_ += std::to_string(now_ / 1000 % 100'000'000) + " " + line + "\n"; }

  // ---- time

  void pass_time(bool busy) {
    now_ += std::array{1'000, 5'000, 50'000, 400'000}[random_.below(4)];
    if (busy && clock_steps_ && random_.chance(0.01)) tables_[random_.below(tables_.size())]->set_clock(off());
    if (!long_pauses_ || !random_.chance(0.003)) return;
    // No record is ever older than a day when it is looked after: then a flow would have ended.
    std::int64_t oldest = now_;
    for (const auto& flow : flows_) {
      const auto& stream = tables_[flow->from]->stream();
      if (flow->saved < stream.size()) oldest = std::min(oldest, tables_[flow->from]->written_at(flow->saved));
    }
    const std::int64_t room = oldest + 23 * kHour - now_;
    if (room > kHour) now_ += static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(room)));
    // Each table of a ring may keep a state for a day before it sends it on.
    const auto hops = topology_ == multimaster::Topology::kRing ? static_cast<std::int64_t>(tables_.size()) : 1;
    for (auto& table : tables_) table->collect_tombstones(now_ - hops * 25 * kHour);
  }

  // ---- the applications

  void apply_a_write() {
    MultimasterTable& table = *tables_[random_.below(tables_.size())];
    const std::string key = "k" + std::to_string(random_.below(keys_));
    const auto& there = table.item(key);
    const double roll = static_cast<double>(random_.below(1'000)) / 1'000;
    ++figures_.writes;
    const int id = ++ids_;
    if (writes_back_ && roll < 0.05) return write_back(table, key);
    if (roll < 0.35) return made(table, key, id, table.put(key, id, now_));
    if (roll < 0.65) return made(table, key, id, table.update(key, id, now_, blind_ && random_.chance(0.5)));
    if (!there) return;
    const auto before = *table.state(key);
    if (before.deleted && before.clean()) {  // the record is that of an erasure, which was to come next
      last_.erase({table.origin(), key});
      return (void)table.remove(key, id, now_);
    }
    // Updated between mark and erasure, and deleted: its record looks like an erasure that has overlooked the update.
    if (before.deleted) void_.insert(key);
    made(table, key, -id, table.remove(key, id, now_));
  }

  /// An item that was read some time ago is put as it was, with the attributes of ours that it had or without them.
  void write_back(MultimasterTable& table, const std::string& key) {
    const auto image = table.some_image(key, random_);
    if (!image) return;
    void_.insert(key);
    note(table.origin() + " " + key + " written back");
    table.write_back(key, random_.chance(0.7) ? *image : multimaster::without_marks(*image), now_);
  }

  void overlook_an_update(MultimasterTable& table, const std::string& key) {
    --writes_;
    const auto below = table.update(key, ++ids_, now_, true);
    made(table, key, ids_, below);
  }

  void made(MultimasterTable& table, const std::string& key, int id, const MultimasterTable::Below& below) {
    note(table.origin() + " " + key + " write " + std::to_string(id));
    under_.push_back({key, id, below});
    last_[{table.origin(), key}] = id;
    if (id < 0) deletions_[{table.origin(), table.stream().size()}] = id;
  }

  // ---- the flows

  void add_flow(std::size_t from, std::size_t to) {
    flows_.push_back(std::make_unique<Flow>(Flow{.from = from, .to = to, .lazy = random_.chance(0.3)}));
    start(*flows_.back());
  }

  void start(Flow& flow) {
    ordering::ChangeBuffer::Options options;
    options.combine = multimaster::combine;
    flow.buffer = std::make_unique<ordering::ChangeBuffer>(options);
    flow.shard = flow.buffer->add_shard();
    flow.next = flow.saved;
    flow.waiting.clear();
    if (!adopting_) return;
    for (std::size_t k = 0; k < keys_; ++k) flow.to_adopt.emplace("k" + std::to_string(k), std::nullopt);
  }

  void kill(Flow& flow) {
    ++figures_.kills;
    for (Work& work : flow.works) {
      if (random_.chance(0.5)) strays_.push_back({table_of(flow, work), work.key, std::move(work.current())});
    }
    flow.works.clear();
    note("flow " + std::to_string(flow.from) + ">" + std::to_string(flow.to) + " killed");
    start(flow);
  }

  [[nodiscard]] static std::size_t table_of(const Flow& flow, const Work& work) {
    return work.remote ? flow.to : flow.from;
  }

  void act(Flow& flow) {
    switch (random_.below(3)) {
      case 0:
        return read_some(flow);
      case 1:
        begin(flow);
        return go_on(flow);
      default:
        if (const auto& safe = flow.buffer->safe(flow.shard)) {
          flow.saved = std::max<std::size_t>(flow.saved, MultimasterTable::place_of(*safe));
        }
        go_on(flow);
    }
  }

  void read_some(Flow& flow) {
    MultimasterTable& table = *tables_[flow.from];
    for (std::uint64_t i = 1 + random_.below(6); i > 0 && flow.next < table.stream().size(); --i) {
      model::Change change = table.stream()[flow.next++];
      if (multimaster::needs_work(*multimaster::read_record(change), table.origin(), topology_)) {
        flow.buffer->push(flow.shard, std::move(change));
      } else {
        flow.buffer->push_filtered(flow.shard, change.sequence());
      }
    }
  }

  void adopt(Flow& flow) {
    auto entry = flow.to_adopt.begin();
    std::advance(entry, random_.below(flow.to_adopt.size()));
    const std::string key = entry->first;
    // What was written before the item was read has been looked after: but for keys that wait for the other table.
    const bool behind = flow.next < tables_[flow.from]->stream().size() ||
                        flow.buffer->counters().held() > flow.waiting.size() || !flow.works.empty();
    if (!flow.to_adopt.at(key)) {
      const auto state = tables_[flow.from]->state(key);
      flow.to_adopt.at(key) = state ? state->content : model::ItemDigest{};
      return;
    }
    if (behind || flow.waiting.contains(key)) return;
    const multimaster::AdoptWork work{.rank = flow.from == 0 ? 2 : 1, .content = *flow.to_adopt.at(key)};
    flow.works.push_back({std::nullopt, key, KeyWork(work)});
  }

  void begin(Flow& flow) {
    if (!flow.to_adopt.empty() && random_.chance(0.3)) adopt(flow);
    const auto taken = flow.buffer->take(1, 10'000, steady());
    if (taken.empty()) return;
    const model::Change& change = *taken.front().change;
    multimaster::LocalWork work{.record = *multimaster::read_record(change),
                                .origin = tables_[flow.from]->origin(),
                                .topology = topology_,
                                .next = tables_[flow.to]->origin()};
    flow.works.push_back({taken.front().ticket, MultimasterTable::key_of(change), KeyWork(std::move(work))});
  }

  void go_on(Flow& flow) {
    if (flow.works.empty()) return;
    const auto work = std::next(flow.works.begin(), static_cast<std::ptrdiff_t>(random_.below(flow.works.size())));
    const bool was_write =
        work->current().step() == Step::kWriteItem || work->current().step() == Step::kWriteTombstone;
    if (was_write && random_.chance(0.06)) {  // the answer is lost, or the request lands later
      strays_.push_back({table_of(flow, *work), work->key, work->current()});
      if (random_.chance(0.7)) land(strays_.back()), strays_.pop_back();
      if (work->ticket) flow.buffer->retry(*work->ticket, steady());
      flow.works.erase(work);
      return;
    }
    take_step(*tables_[table_of(flow, *work)], work->key, work->current());
    settle(flow, work);
  }

  void settle(Flow& flow, std::list<Work>::iterator work) {
    const Step step = work->current().step();
    if (step == Step::kWait || step == Step::kTryAgain) {
      ++figures_.waits;
      if (work->ticket && work->remote) flow.waiting.insert(work->key);
      if (work->ticket) flow.buffer->postpone(*work->ticket, steady());
      flow.works.erase(work);
      return;
    }
    if (step != Step::kDone) return;
    if (work->current().conflict()) ++figures_.conflicts;
    if (!work->remote && work->local.sent_on()) {
      const std::string key = MultimasterTable::key_json(work->key);
      work->remote.emplace(multimaster::RemoteWork{*work->local.sent_on(), tables_[flow.to]->origin(), key, topology_});
      return;
    }
    if (work->ticket) flow.waiting.erase(work->key);
    if (work->ticket) flow.buffer->applied(*work->ticket);
    if (!work->ticket) flow.to_adopt.erase(work->key);
    flow.works.erase(work);
  }

  void land_strays(double chance) {
    strays_.remove_if([&](Stray& stray) {
      const bool lands = random_.chance(chance);
      if (lands) land(stray);
      return lands;
    });
  }
  void land(Stray& stray) {
    const Step step = stray.work.step();
    if (step == Step::kWriteItem || step == Step::kWriteTombstone) {
      take_step(*tables_[stray.table], stray.key, stray.work);
    }
  }

  void take_step(MultimasterTable& table, const std::string& key, KeyWork& work) {
    switch (work.step()) {
      case Step::kReadTombstone:
        return work.tombstone_is(table.tombstone(key));
      case Step::kReadItem:
        return work.item_is(table.state(key));
      case Step::kWriteTombstone:
        return work.written(bury(table, key, work.burial()));
      case Step::kWriteItem:
        return work.written(write(table, key, work));
      default:
        return;
    }
  }

  bool bury(MultimasterTable& table, const std::string& key, const multimaster::Burial& burial) {
    if (!table.bury(key, burial, now_)) return false;
    if (!burial.floor) return true;
    const Version& version = burial.floor->version;
    const auto deletion = deletions_.find({table.origin(), MultimasterTable::place_of(burial.floor->at)});
    if (deletion != deletions_.end() && version.origin() == table.origin()) witness(key, deletion->second, version);
    return true;
  }

  bool write(MultimasterTable& table, const std::string& key, const KeyWork& work) {
    if (blind_ && writes_ > 0 && table.item(key) && random_.chance(0.2)) overlook_an_update(table, key);
    const auto before = table.state(key);
    if (!table.write(key, work, now_)) return false;
    ++figures_.replicator_writes;
    const auto after = table.state(key);
    note(table.origin() + " " + key + " replicator: " + table.describe(key));
    const bool gone = !after || after->content != (before ? before->content : model::ItemDigest{});
    if (before && gone && !blind_) {
      if (!before->clean()) return trouble("a write without a version was replaced"), true;
      if (after && !(*before->version < *after->version)) return trouble("a newer state was replaced"), true;
      if (!after && !before->deleted) return trouble("an item was erased that was not marked"), true;
    }
    if (before && !before->clean() && after && after->clean() && after->deleted) {
      give_up(key, MultimasterTable::id_of(before->json), work.marks().version);
    }
    if (after && after->clean() && !after->deleted && after->version->origin() == table.origin()) {
      witness(key, MultimasterTable::id_of(after->json), *after->version);
    }
    return true;
  }

  /// The greatest version that was known of what a write was made on top of.
  [[nodiscard]] std::optional<Version> version_below(const Under& under) const {
    const auto known = versions_.find({under.key, under.below.id});
    return known == versions_.end() ? under.below.version : later(under.below.version, std::optional(known->second));
  }

  /// A write that never had a version is marked to be erased: only a deletion that it was not made on top of may do so.
  void give_up(const std::string& key, int id, const Version& deletion) {
    given_up_.insert({key, id});
    for (const Under& under : under_) {
      if (under.key != key || under.id != id || is_void(key) || version_below(under) < std::optional(deletion))
        continue;
      trouble("write " + std::to_string(id) + " was replaced by a deletion that was there before it");
    }
  }

  /// Only that the tables end equal can be said.
  [[nodiscard]] bool is_void(const std::string& key) const { return clock_steps_ || void_.contains(key); }

  void witness(const std::string& key, int id, const Version& version) {
    const auto [known, first] = versions_.try_emplace({key, id}, version);
    if (!first && (version.is_adopted() || blind_)) {  // one content in several tables, or put again as it was erased
      known->second = *later(std::optional(known->second), std::optional(version));
    } else if (!first && known->second != version && !is_void(key)) {
      trouble("write " + std::to_string(id) + " has two versions, " + known->second.text() + " and " + version.text());
    }
    if (first && version.time() % kSecond != 0) ++figures_.raised;
  }

  // ---- the end

  [[nodiscard]] bool at_rest() const {
    if (!strays_.empty()) return false;
    return std::ranges::all_of(flows_, [&](const auto& flow) {
      return flow->to_adopt.empty() && flow->next == tables_[flow->from]->stream().size() && flow->works.empty() &&
             flow->buffer->counters().held() == 0;
    });
  }

  std::optional<std::string> check() {
    for (std::size_t k = 0; k < keys_ && !violation_; ++k) check("k" + std::to_string(k));
    for (const Under& under : under_) {
      const auto above = versions_.find({under.key, under.id});
      if (above == versions_.end() || is_void(under.key) || violation_) continue;
      const auto below = version_below(under);
      if (below && !(*below < above->second)) {
        trouble("write " + std::to_string(under.id) + " has " + above->second.text() + " and was made on top of " +
                below->text());
      }
    }
    for (const auto& [place, id] : last_) {  // one that a condition has overlooked may lose before it has a version
      if (blind_ || is_void(place.second) || versions_.contains({place.second, id}) ||
          given_up_.contains({place.second, id}))
        continue;
      trouble("write " + std::to_string(id) + " of " + place.first + " is left without a version");
    }
    if (figures_.replicator_writes > figures_.writes * tables_.size() * 12 + 80) trouble("too many writes");
    return violation_;
  }

  void check(const std::string& key) {
    const std::string first = tables_.front()->describe(key);
    for (const auto& table : tables_) {
      const auto state = table->state(key);
      if (state && !state->clean()) return trouble(key + " is left without a version");
      if (state && state->deleted) return trouble(key + " is left marked");
      if (table->describe(key) != first) return trouble(key + " differs");
    }
    std::optional<Version> greatest;
    int winner = 0;
    for (const auto& [made, version] : versions_) {
      if (made.first != key || !(greatest < std::optional(version))) continue;
      greatest = version;
      winner = made.second;
    }
    if (!greatest || is_void(key)) return;
    const auto state = tables_.front()->state(key);
    if (winner < 0 ? state.has_value() : !state || MultimasterTable::id_of(state->json) != winner) {
      trouble("of " + key + " the write " + std::to_string(winner) + " is the latest, but there is " + first);
    }
  }

  [[nodiscard]] SteadyTime steady() const { return SteadyTime(std::chrono::microseconds(now_)); }

  Random random_;
  std::uint64_t writes_ = 0;  ///< of applications, to come
  multimaster::Topology topology_ = multimaster::Topology::kMesh;
  std::int64_t skew_ = 0;
  std::size_t keys_ = 1;
  bool adopting_ = false;
  double busy_ = 0;     ///< how often an application writes
  bool blind_ = false;  ///< now and then a condition does not see an update
  bool long_pauses_ = false;
  bool writes_back_ = false;
  bool clock_steps_ = false;  ///< then a write's version may depend on who gives it, and only the end is certain
  std::int64_t now_ = 1'700'000'000 * kSecond;
  std::vector<std::unique_ptr<MultimasterTable>> tables_;
  std::vector<std::unique_ptr<Flow>> flows_;
  std::list<Stray> strays_;
  int ids_ = 0;
  std::map<std::pair<std::string, std::size_t>, int> deletions_;  ///< origin and place -> the write
  std::map<std::pair<std::string, int>, Version> versions_;       ///< key and write -> as it was given
  std::map<std::pair<std::string, std::string>, int> last_;       ///< origin and key -> the write
  std::set<std::pair<std::string, int>> given_up_;                ///< key and write, for a deletion
  std::set<std::string> void_;                                    ///< keys with writes that no record tells apart
  std::vector<Under> under_;
  std::string history_;
  std::optional<std::string> violation_;
  Figures figures_;
};

}  // namespace dynamirror::sim
