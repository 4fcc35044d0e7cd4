// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "async/stop_request.hpp"
#include "jobs/diff/diff_join.hpp"
#include "jobs/diff/diff_repair.hpp"
#include "model/item_digest.hpp"
#include "model/key_canonicalizer.hpp"
#include "source/table_scan.hpp"
#include "tables/diff_table.hpp"

namespace dynamirror::jobs {

// What a comparison does with the pages of its scans. Each is a PageReceiver that ends the scan, with an error of class
// conflict, when a stop is requested. Not thread-safe; what they are made of outlives them.

/// An item of a page with its digests. The texts are borrowed.
class DiffItemReader {
 public:
  /// `ignored`: attributes that do not count.
  DiffItemReader(model::KeySchema schema, std::vector<std::string> ignored)
      : keys_(std::move(schema)), digester_(std::move(ignored)) {}

  /// `record.key_json` lives until the next call. Errors: those of aws::unreadable_answer, naming the key.
  [[nodiscard]] Result<DiffRecord> read(DiffSide side, std::string_view item_json);
  /// Of an item whose key is known.
  [[nodiscard]] Result<model::ItemDigest> digest(std::string_view item_json) { return digester_.digest(item_json); }

 private:
  model::KeyCanonicalizer keys_;
  model::ItemDigester digester_;
};

/// Brings the digests of all items to the join.
class DigestReceiver final : public source::PageReceiver {
 public:
  DigestReceiver(DiffSide side, DiffItemReader reader, DiffJoin& join, StopRequest& stop)
      : side_(side), reader_(std::move(reader)), join_(join), stop_(stop) {}
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;

 private:
  DiffSide side_;
  DiffItemReader reader_;
  DiffJoin& join_;
  StopRequest& stop_;
};

/// Looks every item up in the other table, and brings to the join only those that are not equal: for samples.
class ProbeReceiver final : public source::PageReceiver {
 public:
  ProbeReceiver(DiffSide side, DiffItemReader reader, DiffTable& other, DiffJoin& join, StopRequest& stop)
      : side_(side), reader_(std::move(reader)), other_(other), join_(join), stop_(stop) {}
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;

 private:
  [[nodiscard]] async::Task<Status> probe(std::string_view item_json);

  DiffSide side_;
  DiffItemReader reader_;
  DiffTable& other_;
  DiffJoin& join_;
  StopRequest& stop_;
};

/// Brings every item to the replica, if it is not there as it is.
class BackfillReceiver final : public source::PageReceiver {
 public:
  struct Counts {
    std::uint64_t equal = 0;
    std::uint64_t put = 0;
    std::uint64_t deleted = 0;
    std::uint64_t unrepaired = 0;
  };

  /// Told of every item that was written, or could not be.
  using Report = std::function<void(const std::string& key_json, RepairOutcome outcome)>;

  BackfillReceiver(DiffItemReader reader, DiffRepairer& repairer, StopRequest& stop, Report report)
      : reader_(std::move(reader)), repairer_(repairer), stop_(stop), report_(std::move(report)) {}
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  [[nodiscard]] async::Task<Status> bring(std::string_view item_json);

  DiffItemReader reader_;
  DiffRepairer& repairer_;
  StopRequest& stop_;
  Report report_;
  Counts counts_;
};

}  // namespace dynamirror::jobs
