// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "coordination/lease_store.hpp"
#include "source/table_scan.hpp"

namespace dynamirror::jobs {

/// A job over a whole table that several workers share, as its lease table knows it.
struct SharedJob {
  std::string purpose;   ///< "copy", "backup": how the keys of its leases begin
  std::string identity;  ///< what it is between, e.g. "<source> -> <target>"
  friend bool operator==(const SharedJob&, const SharedJob&) = default;
};

/// What is the same for all workers of a job: what the first of them said.
struct SharedTerms {
  std::uint32_t segments = 0;  ///< into how many the scan is cut
  std::string name{};          ///< of what is made, where that has one
  friend bool operator==(const SharedTerms&, const SharedTerms&) = default;
};

/// What a lease table holds of a job.
struct SharedJobRows {
  std::optional<SharedTerms> terms{};  ///< nothing: the job has not begun
  bool announced = false;              ///< the row with the terms is there
  std::set<std::uint32_t> there{};     ///< segments with a lease
  std::uint32_t done = 0;              ///< of them
  [[nodiscard]] bool complete() const { return terms && done == terms->segments; }
};

/// The leases of one job's segments. The keys are "<purpose>/<16 hex digits of the identity's SHA-256>/<segments>/<n>",
/// and ".../job" for the terms: a row that is finished from the start, so that no worker takes it; who creates it has
/// the say. A checkpoint is the segment's LastEvaluatedKey, TRIM_HORIZON before the first, or SHARD_END.
/// Pure: may be used from any thread.
class SegmentLeases {
 public:
  explicit SegmentLeases(const SharedJob& job);

  [[nodiscard]] std::string job_key() const { return prefix_ + "job"; }
  [[nodiscard]] std::string key_of(std::uint32_t segments, std::uint32_t segment) const;
  /// Nothing for a key of another job, of other segments, or `job_key`.
  [[nodiscard]] std::optional<std::uint32_t> segment_of(std::string_view key, std::uint32_t segments) const;

  /// Creates the row that holds the terms.
  [[nodiscard]] coordination::LeaseWrite announcement(const SharedTerms& terms) const;
  [[nodiscard]] static std::optional<SharedTerms> terms_of(const coordination::Lease& announced);
  /// Creates the leases of all segments that have none yet.
  [[nodiscard]] std::vector<coordination::LeaseWrite> missing(const SharedTerms& terms,
                                                              const std::set<std::uint32_t>& there) const;

  /// Errors: class conflict for a table that holds something else, too; `table` names it.
  [[nodiscard]] Result<SharedJobRows> read(const coordination::LeaseRows& rows, const std::string& table) const;

 private:
  std::string prefix_;
};

[[nodiscard]] std::string to_checkpoint(const source::SegmentPosition& position);
/// Errors: class invalid for what is no checkpoint of a segment.
[[nodiscard]] Result<source::SegmentPosition> to_position(std::uint32_t segment, const std::string& checkpoint);

/// What the table holds of this job. Errors: as SegmentLeases::read, and the store's.
[[nodiscard]] async::Task<Result<SharedJobRows>> find_shared_job(coordination::LeaseStore& store, SegmentLeases leases);

/// Begins the job with these terms, or joins it with those that another worker began it with meanwhile.
/// Errors: the store's, after some attempts.
[[nodiscard]] async::Task<Result<SharedTerms>> join_shared_job(coordination::LeaseStore& store, SegmentLeases leases,
                                                               SharedTerms wanted, const Clock& clock, Random& random);

}  // namespace dynamirror::jobs
