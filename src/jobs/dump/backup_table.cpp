// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/backup_table.hpp"

#include <utility>

#include "aws/dynamodb/table_settings.hpp"
#include "jobs/dump/dump_manifest.hpp"
#include "jobs/dump/dump_names.hpp"
#include "tables/stoppable_scan.hpp"

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

async::Task<Status> scan_into(LinesObject& object, source::TableScan& scan, StopRequest& stop) {
  PageLines lines(object);
  co_return co_await scan_until_stopped(scan, lines, stop, "back up", object.totals().key);
}

}  // namespace

async::Task<JobResult<BackupResult>> backup_table(TableSide& table, objects::ObjectStore& store, BackupOptions options,
                                                  async::CpuPool& pool, source::TableScan& scan, StopRequest& stop,
                                                  const Clock& clock) {
  const WallTime begun = clock.wall_now();
  auto settings = co_await aws::read_settings(table.dynamodb(), table.address().table);
  if (!settings) co_return job_failure(std::move(settings.error()));
  const DumpNames names{options.job_id, options.scan.share, options.scan.shares};
  auto ready = co_await check_dump_name(store, names, *settings);
  // Alone, an older dump of this name stays whole until this one can take its place. Of several, one that never comes
  // to an end would leave its segment of the older dump among the new ones.
  if (ready && names.shares > 1) ready = co_await begin_dump(store, names, *settings);
  if (!ready) co_return job_failure(std::move(ready.error()));
  LinesObject::Options lines{.key = names.data(), .compression = options.compression};
  auto object = co_await LinesObject::start(std::move(lines), store, pool);
  if (!object) co_return job_failure(std::move(object.error()));
  ready = co_await scan_into(**object, scan, stop);
  if (ready && names.shares == 1) ready = co_await begin_dump(store, names, *settings);
  Result<LinesObjectTotals> totals = std::unexpected(Error{});
  if (ready) totals = co_await (*object)->finish();
  if (!totals) {
    // What was sent is worth nothing without the rest; the first error is the one to tell.
    (void)co_await (*object)->abort();
    co_return job_failure(ready ? std::move(totals.error()) : std::move(ready.error()));
  }

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
