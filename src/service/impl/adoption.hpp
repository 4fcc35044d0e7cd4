// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <optional>

#include "async/task.hpp"
#include "jobs/replication/replicate.hpp"
#include "model/key.hpp"
#include "pipeline/item_loader.hpp"
#include "service/host.hpp"
#include "service/impl/multi_master.hpp"
#include "source/table_scan.hpp"
#include "tables/table_side.hpp"

namespace dynamirror::service {

/// Beside a replication of a table that is written on several sides: reads the whole table, gives each item that has no
/// version one, and brings all items to the target.
///
/// An item without a version may also be a local write whose record is on its way. So each is looked after only when
/// the stream has been read past the moment of its reading, and only as it was then. Killed, it begins anew, and finds
/// what it has done. Not thread-safe: lives on one event loop.
class Adoption final : public source::PageReceiver {
 public:
  /// All outlive it.
  struct Parts {
    jobs::TableSide& source;
    const model::KeySchema& key;
    MultiMaster& tables;
    const jobs::Replication& job;
    Host& host;
    boost::asio::any_io_executor executor;
    std::chrono::seconds after;  ///< as MultiMasterOptions::adopt_after
  };

  Adoption(Parts parts, std::optional<double> max_read_units);

  /// Ends when the whole table is looked after, or with a line in the log that says why it is not.
  [[nodiscard]] async::Task<> run();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;

 private:
  [[nodiscard]] async::Task<> wait_for_records(SteadyTime read_at) const;

  Parts parts_;
  source::TableScan scan_;
  jobs::ItemLoader loader_;
};

}  // namespace dynamirror::service
