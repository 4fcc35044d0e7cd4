// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "async/stop_request.hpp"
#include "objects/object_store.hpp"
#include "pipeline/job_failure.hpp"
#include "sink/item_objects.hpp"
#include "source/table_scan.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::jobs {

struct BackfillOptions {
  std::string folder{};  ///< of the items in the store, see find_item_folder
  bool recheck = true;   ///< read every item again after its object was written, see IncrementalBackfill
};

struct BackfillProgress {
  std::uint64_t written = 0;
  std::uint64_t corrected = 0;  ///< objects written again, or removed, because the item had changed meanwhile
  double recheck_units = 0;     ///< read units of the second look
};

/// Writes an object for every item of a table, beside a running incremental backup if need be.
///
/// A page of a scan is old when its items are written: a change that the incremental backup has stored by then would be
/// undone, a deletion resurrected. So every item is read again, consistently, after its object was written, and what
/// has changed is written again until both agree. That costs a read unit for each 4 KB of item. Memory: the pages under
/// way. Not thread-safe.
class IncrementalBackfill final : public source::PageReceiver {
 public:
  /// REQUIRES: what is referred to outlives the backfill.
  IncrementalBackfill(BackfillOptions options, TableSide& table, const model::KeySchema& key,
                      objects::ObjectStore& store, const StopRequest& stop, boost::asio::any_io_executor executor);

  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;

  [[nodiscard]] const BackfillProgress& progress() const { return progress_; }

 private:
  /// A page that several writers share.
  struct PageWork {
    const aws::ScanPage& page;
    std::size_t next = 0;
    Status status{};
  };
  [[nodiscard]] async::Task<> write_some(PageWork& work);
  [[nodiscard]] async::Task<Status> write_item(std::string key, std::string item);

  BackfillOptions options_;
  TableSide& table_;
  model::KeySchema key_;
  objects::ObjectStore& store_;
  sink::ItemObjects names_;
  const StopRequest& stop_;
  boost::asio::any_io_executor executor_;
  BackfillProgress progress_;
};

}  // namespace dynamirror::jobs
