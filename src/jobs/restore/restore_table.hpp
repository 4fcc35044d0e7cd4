// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "async/cpu_pool.hpp"
#include "jobs/item_backup/two_names.hpp"
#include "jobs/restore/export_line.hpp"
#include "jobs/restore/restore_plan.hpp"
#include "model/key_canonicalizer.hpp"
#include "pipeline/item_loader.hpp"
#include "pipeline/job_failure.hpp"

namespace dynamirror::jobs {

struct RestoreOptions {
  model::KeySchema key{};           ///< of the target
  std::optional<WallTime> as_of{};  ///< incremental backups: the state at this moment, by object versions
  std::size_t max_parts = 4;        ///< objects of lines read at once
  std::size_t max_reads = 64;       ///< objects of single items read at once
};

struct RestoreProgress {
  std::uint64_t items = 0;    ///< given to the target
  std::uint64_t deletes = 0;  ///< likewise, of incremental exports
  std::uint64_t bytes = 0;    ///< of item text
  std::uint64_t parts_done = 0;
  std::uint64_t superseded = 0;  ///< objects whose item stands under its other name in a newer state
  // As of a moment:
  std::uint64_t not_there = 0;  ///< objects whose oldest version is newer: made later, or the older ones have expired
  std::uint64_t not_known = 0;  ///< likewise, and that one replaced what was there: the bucket kept no versions then
  bool versioned = false;       ///< some object has a version that was kept as one
};

/// Reads a backup and gives its items to a loader. Of an item that stands under both names of its key the newer counts.
/// Every part is checked against what its manifest says; a part that turns out to be damaged ends the restore, and the
/// error says that the target is incomplete. Memory: a few MiB for each part under way. Not thread-safe: lives on one
/// event loop; single use.
class Restore {
 public:
  /// REQUIRES: all outlive the restore.
  Restore(const RestorePlan& plan, RestoreOptions options, objects::ObjectStore& store, ItemLoader& loader,
          async::CpuPool& pool, const StopRequest& stop, boost::asio::any_io_executor executor);

  /// Until everything was given to the loader; what became of it `ItemLoader::finish` tells.
  [[nodiscard]] async::Task<Status> run();

  /// After `run`: whether the backup could tell what was there. Errors: class invalid, with the number of the objects
  /// that were changed after the moment asked for without a version of then; the others have been restored.
  [[nodiscard]] Status complete() const;

  [[nodiscard]] const RestoreProgress& progress() const { return progress_; }

 private:
  [[nodiscard]] Status go_on() const;
  /// Whether an object of an incremental folder belongs to this process's share.
  [[nodiscard]] bool is_ours(std::string_view object) const;
  [[nodiscard]] async::Task<Status> read_parts();
  [[nodiscard]] async::Task<> read_some_parts(std::size_t& next, Status& status);
  [[nodiscard]] async::Task<Status> read_part(const RestorePart& part);
  [[nodiscard]] async::Task<Status> load_lines(std::string_view lines, std::uint64_t& count);
  [[nodiscard]] async::Task<Status> load_line(std::string_view line);
  /// Whether an image is that of its key. Errors: class invalid, naming both keys.
  [[nodiscard]] Status check_image(const ExportLine& change);

  [[nodiscard]] async::Task<Status> read_folder();
  [[nodiscard]] async::Task<Status> read_folder_as_of(WallTime moment);
  /// A page that several readers share.
  struct ItemsWork {
    const std::vector<objects::ObjectVersion>& objects;
    TwoNames::Round round = TwoNames::Round::kPage;
    std::size_t next = 0;
    std::vector<objects::ObjectVersion> later{};
    Status status{};
  };
  [[nodiscard]] async::Task<Status> read_items(const std::vector<objects::ObjectVersion>& objects);
  [[nodiscard]] async::Task<> read_all(ItemsWork& work);
  [[nodiscard]] async::Task<> read_some_items(ItemsWork& work);
  [[nodiscard]] async::Task<Status> read_item(const objects::ObjectVersion& object, ItemsWork& work);

  const RestorePlan& plan_;
  RestoreOptions options_;
  objects::ObjectStore& store_;
  ItemLoader& loader_;
  async::CpuPool& pool_;
  const StopRequest& stop_;
  boost::asio::any_io_executor executor_;
  json::Reader reader_;
  model::KeyCanonicalizer keys_;
  TwoNames names_;
  RestoreProgress progress_;
};

}  // namespace dynamirror::jobs
