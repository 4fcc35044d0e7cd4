// SPDX-License-Identifier: Apache-2.0
#include "jobs/backup_table.hpp"

#include <utility>

#include "aws/dynamodb/table_settings.hpp"
#include "jobs/dump_manifest.hpp"
#include "jobs/dump_names.hpp"
#include "jobs/stoppable_scan.hpp"

namespace dynamirror::jobs {
namespace {

/// Every page's items as lines.
class PageLines final : public source::PageReceiver {
 public:
  explicit PageLines(LinesObject& object) : object_(object) {}

  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition /*position*/) override {
    std::string lines;
    lines.reserve(page.bytes());
    for (std::size_t i = 0; i < page.size(); ++i) {
      lines += page.item(i);
      lines += '\n';
    }
    const std::uint64_t count = page.size();
    co_return co_await object_.add(std::move(lines), count);
  }

 private:
  LinesObject& object_;
};

async::Task<Result<LinesObjectTotals>> dump(source::TableScan& scan, LinesObject& object, StopRequest& stop) {
  PageLines lines(object);
  auto scanned = co_await scan_until_stopped(scan, lines, stop, "back up", object.totals().key);
  if (scanned) {
    auto finished = co_await object.finish();
    if (finished) co_return std::move(*finished);
    scanned = std::unexpected(std::move(finished.error()));
  }
  // What was sent is worth nothing without the rest; the first error is the one to tell.
  (void)co_await object.abort();
  co_return std::unexpected(std::move(scanned.error()));
}

}  // namespace

async::Task<JobResult<BackupResult>> backup_table(TableSide& table, objects::ObjectStore& store, BackupOptions options,
                                                  async::CpuPool& pool, source::TableScan& scan, StopRequest& stop,
                                                  const Clock& clock) {
  const WallTime begun = clock.wall_now();
  auto settings = co_await aws::read_settings(table.dynamodb(), table.address().table);
  if (!settings) co_return job_failure(std::move(settings.error()));
  const DumpNames names{options.job_id, options.scan.share, options.scan.shares};
  auto claimed = co_await claim_dump(store, names, *settings);
  if (claimed) claimed = co_await remove_old_manifests(store, names);
  if (!claimed) co_return job_failure(std::move(claimed.error()));
  LinesObject::Options lines{.key = names.data(), .compression = options.compression};
  auto object = co_await LinesObject::start(std::move(lines), store, pool);
  if (!object) co_return job_failure(std::move(object.error()));
  auto totals = co_await dump(scan, **object, stop);
  if (!totals) co_return job_failure(std::move(totals.error()));

  BackupResult result{.object = std::move(*totals), .consumed_read_units = scan.statistics().consumed_units};
  const DumpManifest manifest{.table = table.display(),
                              .begun = begun,
                              .ended = clock.wall_now(),
                              .segment = names.share,
                              .segments = names.shares,
                              .gzip = options.compression == Compression::kGzip,
                              .object = result.object};
  const objects::PutOptions json;
  auto saved = co_await store.put(names.manifest(), to_json(manifest), json);
  if (!saved) co_return job_failure(std::move(saved.error()));
  co_return result;
}

}  // namespace dynamirror::jobs
