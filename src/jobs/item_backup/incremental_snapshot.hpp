// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/cpu_pool.hpp"
#include "async/stop_request.hpp"
#include "jobs/dump/lines_object.hpp"
#include "jobs/item_backup/two_names.hpp"
#include "objects/object_store.hpp"

namespace dynamirror::jobs {

struct SnapshotOptions {
  std::string key;  ///< of the snapshot, in the target store
  Compression compression = Compression::kGzip;
  bool allow_empty = false;    ///< a snapshot without a line may take the place of an older one
  std::size_t max_reads = 64;  ///< objects read at once
};

struct SnapshotProgress {
  std::uint64_t listed = 0;
  std::uint64_t read = 0;
  std::uint64_t gone = 0;        ///< listed, but removed before they were read: deleted items
  std::uint64_t superseded = 0;  ///< left out: the item stands under its other name in a newer state
};

/// Joins the objects of an incremental backup into one, an item a line.
///
/// Descriptions of tables, which stand beside their folders, are no items.
///
/// `prefix` ends with a slash, or is empty: a prefix without one would take a neighbour's objects, too ("orders" and
/// "orders_old"). Items that change meanwhile are taken in one of their states. Of an item that stands under both names
/// of its key the newer object counts: it is the only line of the item, or the last. Memory is bounded.
class IncrementalSnapshot {
 public:
  /// REQUIRES: all outlive the snapshot.
  IncrementalSnapshot(SnapshotOptions options, objects::ObjectStore& from, std::string prefix, objects::ObjectStore& to,
                      async::CpuPool& pool, const StopRequest& stop, boost::asio::any_io_executor executor);

  /// After a failure there is no object of that key that was not there before. Errors: those of the stores; class not
  /// found when there is nothing to join, unless that is allowed: more often than not the address is wrong.
  [[nodiscard]] async::Task<Result<LinesObjectTotals>> run();

  [[nodiscard]] const SnapshotProgress& progress() const { return progress_; }

 private:
  [[nodiscard]] async::Task<Status> read_all(LinesObject& lines);
  [[nodiscard]] Status refuse_empty() const;
  /// Objects that several readers share.
  struct PageWork {
    const std::vector<objects::ObjectInfo>& objects;
    LinesObject& lines;
    TwoNames::Round round = TwoNames::Round::kPage;
    std::size_t next = 0;
    std::vector<objects::ObjectInfo> later{};
    Status status{};
  };
  [[nodiscard]] async::Task<Status> read_page(const objects::ObjectsPage& page, LinesObject& lines);
  [[nodiscard]] async::Task<> read_objects(PageWork& work);
  [[nodiscard]] async::Task<> read_some(PageWork& work);
  [[nodiscard]] async::Task<Status> read_object(const objects::ObjectInfo& object, PageWork& work);
  [[nodiscard]] TwoNames* names_for(std::string_view key, std::string_view item);

  SnapshotOptions options_;
  objects::ObjectStore& from_;
  std::string prefix_;
  objects::ObjectStore& to_;
  async::CpuPool& pool_;
  const StopRequest& stop_;
  boost::asio::any_io_executor executor_;
  SnapshotProgress progress_;
  std::optional<TwoNames> names_;  ///< once the table's key has been found
  int looks_for_key_left_ = 3;     ///< at the first objects; a folder may hold others than items
};

}  // namespace dynamirror::jobs
