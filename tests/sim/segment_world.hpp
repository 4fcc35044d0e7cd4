// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aws/dynamodb/scan.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease.hpp"
#include "coordination/lease_rules.hpp"
#include "coordination/lease_store.hpp"
#include "jobs/segments/segment_leases.hpp"
#include "json/reader.hpp"
#include "sim/source_stream.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::sim {

struct SegmentViolation {
  std::string what;
};

/// How often things go wrong; all zero once the faults have stopped.
struct SegmentFaults {
  double read_throttled = 0;
  double write_throttled = 0;
  double write_fails = 0;  ///< half of them have their effect
  double store_fails = 0;  ///< the state file, or the dead-letter file
  double lease_lost = 0;   ///< requests to the lease table without an answer; half of them have their effect
  double lease_throttled = 0;
  double pause = 0;
  double stop = 0;
  double kill = 0;
};

/// The table that is read, cut into segments. A segment is a row of slots, in the order of the scan; some are empty, as
/// an item may have been deleted: a page may end at them all the same, and may have no items.
class SegmentTable {
 public:
  static constexpr int kSegmentStride = 1'000;
  static constexpr std::size_t kMostSlotsOfAPage = 8;

  struct Page {
    aws::ScanPage page;
    source::SegmentPosition position;  ///< after it
  };

  SegmentTable(std::uint32_t segments, std::size_t most_slots, double poison, Random& random) : random_(random) {
    for (std::uint32_t segment = 0; segment < segments; ++segment) {
      std::vector<bool>& slots = slots_.emplace_back(random.below(most_slots + 1));
      for (std::size_t i = 0; i < slots.size(); ++i) {
        slots[i] = random.chance(0.85);
        if (slots[i] && random.chance(poison)) poison_.insert(key_at(segment, i));
      }
    }
  }

  [[nodiscard]] std::uint32_t segments() const { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] bool is_poison(int key) const { return poison_.contains(key); }
  [[nodiscard]] static std::uint32_t segment_of(int key) { return static_cast<std::uint32_t>(key / kSegmentStride); }

  /// The items at or before a position, or all of them.
  [[nodiscard]] std::vector<int> items(std::uint32_t segment, const std::optional<std::string>& until) const {
    std::vector<int> keys;
    const std::size_t end = until ? slots_before(*until) : slots_[segment].size();
    for (std::size_t i = 0; i < end; ++i) {
      if (slots_[segment][i]) keys.push_back(key_at(segment, i));
    }
    return keys;
  }

  [[nodiscard]] Page read(const source::SegmentPosition& from) {
    const std::vector<bool>& slots = slots_[from.segment];
    std::size_t next = slots_before(from.after_key_json);
    std::string body = R"({"Items":[)";
    bool first = true;
    for (std::size_t left = 1 + random_.below(kMostSlotsOfAPage); left > 0 && next < slots.size(); --left, ++next) {
      if (!slots[next]) continue;
      body += (first ? "" : ",") + key_text(key_at(from.segment, next));
      first = false;
    }
    body += "]";
    source::SegmentPosition position{.segment = from.segment};
    // A page that ends at the last item may say that there is more, and the next one is empty then.
    if (next < slots.size() || (!first && random_.chance(0.3))) {
      position.after_key_json = key_text(key_at(from.segment, next - 1));
      body += R"(,"LastEvaluatedKey":)" + position.after_key_json;
    }
    position.done = position.after_key_json.empty();
    return {*aws::ScanPage::parse(body + "}", reader_), std::move(position)};
  }

 private:
  [[nodiscard]] static int key_at(std::uint32_t segment, std::size_t slot) {
    return static_cast<int>(segment) * kSegmentStride + static_cast<int>(slot);
  }
  [[nodiscard]] static std::size_t slots_before(const std::string& after) {
    return after.empty() ? 0 : static_cast<std::size_t>(key_of(after) % kSegmentStride) + 1;
  }

  Random& random_;
  json::Reader reader_;
  std::vector<std::vector<bool>> slots_;
  std::set<int> poison_;
};

/// What is true, whatever the workers believe, and what outlives them. Every check is made here, on what is done to the
/// world outside.
class SegmentWorld {
 public:
  using Turn = std::uint64_t;

  SegmentWorld(SegmentTable& the_table, const Clock& the_clock, Random& the_random)
      : table(the_table), clock(the_clock), random(the_random) {}

  [[noreturn]] static void trouble(const std::string& what) { throw SegmentViolation{what}; }

  // ---- who works

  /// A worker begins with a segment, where it is durable, unless its lease is over and it does not know yet.
  Turn turn_begins(const source::SegmentPosition& from, const std::string& worker) {
    const Position& durable = durable_[from.segment];
    const bool right = dumps || from.after_key_json == durable.after;
    if (owns(from.segment, worker) && (!right || durable.done)) {
      trouble(name(from.segment) + " is read after '" + from.after_key_json + "' but '" + durable.after +
              "' is durable");
    }
    return ++turns_;
  }

  // ---- what is written

  /// A write on its way to the target: it lands at any moment until `not_after`, or never.
  struct Write {
    int key = 0;
    Turn turn = 0;
    std::string worker{};
    SteadyTime not_after = kNoDeadline;
    bool landed = false;
  };
  void land(Write& write) {
    const std::uint32_t segment = SegmentTable::segment_of(write.key);
    check_owner(segment, write.worker);
    Turn& latest = latest_to_write_[segment];
    if (write.turn < latest) trouble(name(segment) + " was written by a worker that has lost it, and got it back");
    if (table.is_poison(write.key)) trouble("the target took what it refuses");
    latest = write.turn;
    write.landed = true;
    target_.insert(write.key);
  }
  /// Its process is no more. One that works alone is not followed by another before what it has sent has landed, or
  /// not.
  void leave_behind(Write write) {
    if (write.not_after != kNoDeadline) {
      strays_.push_back(write);
    } else if (random.chance(0.5)) {
      land(write);
    }
  }

  void dead_lettered(int key) {
    if (!table.is_poison(key)) trouble("key " + std::to_string(key) + " was set aside though the target takes it");
    letters_.insert(key);
  }

  /// A segment's dump is complete, in one turn of a worker.
  void manifest_written(std::uint32_t segment, const std::string& worker, const std::set<int>& lines) {
    check_owner(segment, worker);
    for (const int key : table.items(segment, std::nullopt)) {
      if (!lines.contains(key)) trouble(name(segment) + "'s dump lacks key " + std::to_string(key));
    }
    dumped_.insert(segment);
  }

  // ---- what is durable

  void saved(std::uint32_t segment, const std::string& after, bool done) {
    if (durable_[segment].done && !done) trouble(name(segment) + " was done, and is not any more");
    if (dumps) {
      if (done && !dumped_.contains(segment)) trouble(name(segment) + " is called done without its dump");
      if (!done && !after.empty()) trouble(name(segment) + " has a position in mid-dump");
    } else {
      for (const int key : table.items(segment, done ? std::nullopt : std::optional(after))) {
        if (target_.contains(key) || letters_.contains(key)) continue;
        trouble(name(segment) + (done ? " is called done" : " is safe after " + after) + " but key " +
                std::to_string(key) + " is not at rest");
      }
    }
    durable_[segment] = {after, done};
  }

  /// A worker has said that all is done.
  void check_done() {
    for (std::uint32_t segment = 0; segment < table.segments(); ++segment) {
      if (!durable_[segment].done) trouble("a worker says that all is done, but " + name(segment) + " is not");
    }
  }
  [[nodiscard]] bool all_done() {
    for (std::uint32_t segment = 0; segment < table.segments(); ++segment) {
      if (!durable_[segment].done) return false;
    }
    return true;
  }

  // ---- the lease table

  /// Whether the write's condition held.
  bool write_lease(const coordination::LeaseWrite& write) {
    const auto row = lease_rows.find(write.key);
    const auto before = row == lease_rows.end() ? std::nullopt : std::optional(row->second);
    const auto after = coordination::apply_write(write, before);
    if (!after) return false;
    if (!after->lease) trouble("a worker has removed the row " + write.key);
    lease_rows.insert_or_assign(write.key, *after->lease);
    const auto segment = leases.segment_of(write.key, table.segments());
    if (!segment) return true;
    const auto position = jobs::to_position(*segment, after->lease->checkpoint);
    if (!position) trouble("the row " + write.key + " has the checkpoint " + after->lease->checkpoint);
    saved(*segment, position->after_key_json, position->done);
    return true;
  }

  /// Something happens, or nothing.
  void act() {
    strays_.remove_if([&](Write& write) {
      if (write.not_after < clock.steady_now()) return true;
      if (!random.chance(0.05)) return false;
      land(write);
      return true;
    });
  }

  SegmentTable& table;
  const Clock& clock;
  Random& random;
  SegmentFaults faults;
  bool shared = false;                     ///< through leases
  bool dumps = false;                      ///< each segment in one go, as a dump
  std::optional<state::ScanJob> scan_job;  ///< the state file
  std::map<std::string, coordination::Lease> lease_rows;
  const jobs::SharedJob job{.purpose = "copy", .identity = "one table -> another"};
  const jobs::SegmentLeases leases{job};

 private:
  struct Position {
    std::string after;
    bool done = false;
  };

  [[nodiscard]] static std::string name(std::uint32_t segment) { return "segment " + std::to_string(segment); }

  /// As the lease table says: who has the lease, or goes on with it until it is handed over.
  [[nodiscard]] bool owns(std::uint32_t segment, const std::string& worker) const {
    if (!shared) return true;
    const coordination::Lease& row = lease_rows.at(leases.key_of(table.segments(), segment));
    return row.owner == worker || row.checkpoint_owner == worker;
  }
  void check_owner(std::uint32_t segment, const std::string& worker) const {
    if (!owns(segment, worker)) trouble(name(segment) + " was written by a worker whose lease of it is over");
  }

  std::set<int> target_;
  std::set<int> letters_;
  std::set<std::uint32_t> dumped_;
  std::map<std::uint32_t, Position> durable_;
  std::map<std::uint32_t, Turn> latest_to_write_;
  Turn turns_ = 0;
  std::list<Write> strays_;  ///< of processes that are no more
};

}  // namespace dynamirror::sim
