// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "coordination/lease_store.hpp"
#include "jobs/segments/segment_keeper.hpp"
#include "jobs/segments/segment_leases.hpp"

namespace dynamirror::jobs {

/// What the events of a LeaseWorker mean for the segments of a shared job: which are ours, which are done by whomever,
/// and which leases the table lacks.
///
/// Never waits: `LeasedSegments` is the leases around it; the simulation runs it as it is. Not thread-safe.
class SharedSegments {
 public:
  /// `table`: for messages.
  SharedSegments(const SharedJob& job, SharedTerms terms, std::string table);

  /// REQUIRES: before all that follows; the work outlives this.
  void start(SegmentWork& work) { work_ = &work; }

  // ---- what the leases say: see LeaseWorker's events

  /// Errors: a checkpoint that is no position of a scan.
  [[nodiscard]] Status granted(const coordination::Lease& lease);
  void lost(const std::string& key);
  void wind_down(const std::string& key);
  void finished(const std::string& key);
  /// Answers what is to be written, for `LeaseWorker::maintain`. Errors: class conflict for leases that do not fit.
  [[nodiscard]] Result<std::vector<coordination::LeaseWrite>> rows_read(const coordination::LeaseRows& rows);

  // ---- what the job says

  void given_back(std::uint32_t segment) { held_.erase(segment); }

  [[nodiscard]] const std::string& key_of(std::uint32_t segment) const { return keys_.at(segment); }
  /// Whether it is the lease of a segment that has begun here, and was neither lost nor finished nor given back.
  [[nodiscard]] bool holds(const std::string& key) const { return held_segment(key).has_value(); }
  [[nodiscard]] bool holds_any() const { return !held_.empty(); }
  /// Whether what was done here last may have been the end of all, which the rows tell. Once.
  [[nodiscard]] bool take_may_be_the_end() { return std::exchange(may_be_the_end_, false); }
  [[nodiscard]] bool complete() const { return done_.size() == terms_.segments; }
  [[nodiscard]] std::uint32_t segments() const { return terms_.segments; }
  [[nodiscard]] std::uint32_t done() const { return static_cast<std::uint32_t>(done_.size()); }
  [[nodiscard]] std::uint32_t finished_here() const { return finished_here_; }

 private:
  [[nodiscard]] std::optional<std::uint32_t> segment_of(const std::string& key) const;
  [[nodiscard]] std::optional<std::uint32_t> held_segment(const std::string& key) const;
  void note_done(std::uint32_t segment);

  SegmentLeases names_;
  SharedTerms terms_;
  std::string table_;
  std::vector<std::string> keys_;  ///< of each segment
  SegmentWork* work_ = nullptr;    ///< from `start` on
  std::set<std::uint32_t> held_;
  std::set<std::uint32_t> done_;
  std::uint32_t finished_here_ = 0;
  bool may_be_the_end_ = false;
};

}  // namespace dynamirror::jobs
