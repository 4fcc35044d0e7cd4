// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobs/segments/segment_keeper.hpp"
#include "state/scan_store.hpp"

namespace dynamirror::jobs {

/// Which job a scan is of, and how the table is cut for it.
struct ScanPlan {
  std::string purpose = "copy";   ///< under which the scan is remembered
  std::string phase = "loading";  ///< with which it is remembered
  TableName table{};              ///< for messages
  std::uint32_t share = 0;
  std::uint32_t shares = 1;
  std::uint32_t split = 1;
};

/// What a store is to remember before the first page is read.
[[nodiscard]] state::ScanJob fresh_scan(const ScanPlan& plan, WallTime now);

/// Errors: class conflict when the scan that a store remembers is another job's, or was cut otherwise, so that its
/// positions mean nothing to this one.
[[nodiscard]] Status check_same_scan(const state::ScanJob& remembered, const ScanPlan& plan);

/// The segments of one share, in step with what a store of its own remembers. They are all begun at once, each where
/// the store remembers it.
///
/// Never waits, and does not write itself: what is said to it gathers, the newest of each segment, until `begin_save`
/// gives it out, for the only save under way. `LocalSegments` saves now and then; the simulation runs it as it is. Not
/// thread-safe.
class SegmentLedger final : public SegmentRights {
 public:
  explicit SegmentLedger(ScanPlan plan) : plan_(std::move(plan)) {}

  /// Errors: kState for a store that cannot be used, or that holds another scan.
  [[nodiscard]] JobResult<void> restore(state::ScanStore& store, WallTime now);
  void start(SegmentWork& work);
  void stop();

  using Save = std::vector<state::ScanSegment>;
  /// What waits to be saved; null when nothing does, or a save is under way.
  [[nodiscard]] std::shared_ptr<const Save> begin_save();
  /// The save that was begun is durable, and the work is told what is finished; or it is not, and waits again.
  void save_ended(bool durable);
  [[nodiscard]] bool all_saved() const { return under_way_ == nullptr && waiting_.empty(); }
  /// Whether the end of a segment waits to be saved.
  [[nodiscard]] bool end_waits() const;

  void checkpoint(const source::SegmentPosition& safe) override;
  void finish(std::uint32_t segment) override;
  void give_back(std::uint32_t segment) override { held_.erase(segment); }
  [[nodiscard]] std::optional<SteadyTime> write_until(std::uint32_t) const override { return kNoDeadline; }

  [[nodiscard]] bool holds_any() const { return !held_.empty(); }
  [[nodiscard]] bool complete() const { return done_ == plan_.split; }
  [[nodiscard]] std::uint32_t done() const { return done_; }
  [[nodiscard]] bool resumed() const { return resumed_; }

 private:
  ScanPlan plan_;
  SegmentWork* work_ = nullptr;  ///< from `start` on
  std::vector<source::SegmentPosition> from_;
  std::map<std::uint32_t, state::ScanSegment> waiting_;  ///< to be saved
  std::shared_ptr<const Save> under_way_;                ///< being saved
  std::set<std::uint32_t> held_;                         ///< begun, and neither finished nor given back
  std::uint32_t done_ = 0;
  bool resumed_ = false;
};

}  // namespace dynamirror::jobs
