// SPDX-License-Identifier: Apache-2.0
#include "jobs/dump/leased_backup.hpp"

#include <map>
#include <utility>

#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "aws/dynamodb/table_settings.hpp"
#include "jobs/dump/dump_manifest.hpp"
#include "jobs/dump/dump_names.hpp"
#include "jobs/segments/leased_tasks.hpp"

namespace dynamirror::jobs {
namespace {

/// Each has an upload under way, of some tens of MB.
constexpr std::size_t kMostObjectsAtOnce = 8;
constexpr std::chrono::milliseconds kLook{100};

std::string lines_of(const aws::ScanPage& page) {
  std::string lines;
  lines.reserve(page.bytes());
  for (std::size_t i = 0; i < page.size(); ++i) {
    lines += page.item(i);
    lines += '\n';
  }
  return lines;
}

}  // namespace

struct LeasedBackup::Impl final : source::PageReceiver {
  /// An object under way. Shared with the page being added, which may outlive a cancelled turn.
  struct Open {
    std::shared_ptr<LinesObject> object;
    bool read_to_end = false;
  };

  Impl(LeasedBackupParts parts_in, BackupOptions options_in, LeasedSegments::Options leases,
       boost::asio::any_io_executor executor);

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<Status> put_settings();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;
  [[nodiscard]] async::Task<> read_all();
  [[nodiscard]] async::Task<JobResult<void>> back_up(SegmentTurn& turn);
  [[nodiscard]] async::Task<bool> read(SegmentTurn& turn, std::shared_ptr<LinesObject> object);
  [[nodiscard]] async::Task<Status> complete(SegmentTurn& turn, LinesObject& object, WallTime begun);
  [[nodiscard]] DumpNames names_of(const SegmentTurn& turn) const {
    return {options.job_id, turn.segment, turn.segments};
  }

  LeasedBackupParts parts;
  BackupOptions options;
  source::TableScan scan;
  LeasedTasks tasks;
  LeasedBackupStatus done{};
  std::map<std::uint32_t, Open> open{};
  async::Signal changed{};
  bool read_no_more = false;  ///< no page is under way, nor will be
  async::TaskGroup reading;
};

LeasedBackup::LeasedBackup(LeasedBackupParts parts, BackupOptions options, LeasedSegments::Options leases,
                           boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(leases), std::move(executor))) {}
LeasedBackup::~LeasedBackup() = default;
async::Task<JobResult<void>> LeasedBackup::run() { return impl_->run(); }

LeasedBackupStatus LeasedBackup::status() const {
  LeasedBackupStatus status = impl_->done;
  status.scan = impl_->scan.statistics();
  status.shared = impl_->tasks.status();
  return status;
}

LeasedBackup::Impl::Impl(LeasedBackupParts parts_in, BackupOptions options_in, LeasedSegments::Options leases,
                         boost::asio::any_io_executor executor)
    : parts(std::move(parts_in)),
      options(std::move(options_in)),
      scan(options.scan, parts.table.dynamodb(), parts.clock, parts.random, executor),
      tasks({parts.leases, parts.stop, parts.clock, parts.random, executor},
            {.leases = std::move(leases),
             .at_once = kMostObjectsAtOnce,
             .doing = "back up",
             .resource = parts.table.display()},
            [this](SegmentTurn& turn) { return back_up(turn); }),
      reading(executor) {}

async::Task<JobResult<void>> LeasedBackup::Impl::run() {
  auto described = co_await put_settings();
  if (!described) co_return job_failure(std::move(described.error()));
  reading.spawn(read_all());
  auto ended = co_await tasks.run();
  reading.cancel();
  co_await reading.join();
  co_return ended;
}

/// Every worker writes the same description, before there is any manifest.
async::Task<Status> LeasedBackup::Impl::put_settings() {
  auto settings = co_await aws::read_settings(parts.table.dynamodb(), parts.table.address().table);
  if (!settings) co_return std::unexpected(std::move(settings.error()));
  const DumpNames names{options.job_id};
  auto free = co_await check_dump_name(parts.store, names, *settings);
  if (!free) co_return free;
  const objects::PutOptions json;
  co_return co_await parts.store.put(names.table(), aws::to_json(*settings), json);
}

async::Task<> LeasedBackup::Impl::read_all() {
  auto read = co_await scan.serve(*this);
  read_no_more = true;
  changed.notify();
  if (!read) tasks.fail({reason_for(read.error()), std::move(read.error())});
}

async::Task<Status> LeasedBackup::Impl::take(aws::ScanPage page, source::SegmentPosition position) {
  const std::shared_ptr<LinesObject> object = open.at(position.segment).object;
  const std::uint64_t count = page.size();
  std::string lines = lines_of(page);
  auto added = co_await object->add(std::move(lines), count);
  if (!added) co_return added;
  if (const auto one = open.find(position.segment); one != open.end()) one->second.read_to_end = position.done;
  changed.notify();
  co_return Status{};
}

async::Task<JobResult<void>> LeasedBackup::Impl::back_up(SegmentTurn& turn) {
  const WallTime begun = parts.clock.wall_now();
  LinesObject::Options lines{.key = names_of(turn).data(), .compression = options.compression};
  auto object = co_await LinesObject::start(std::move(lines), parts.store, parts.pool);
  if (!object) co_return job_failure(std::move(object.error()));
  const std::shared_ptr<LinesObject> shared = std::move(*object);
  const bool whole = co_await read(turn, shared);
  Status completed;
  if (whole) completed = co_await complete(turn, *shared, begun);
  // What was sent is worth nothing without the rest.
  if (!turn.done) (void)co_await shared->abort();
  if (!completed) co_return job_failure(std::move(completed.error()));
  co_return JobResult<void>{};
}

/// True when all of the segment is in the object.
async::Task<bool> LeasedBackup::Impl::read(SegmentTurn& turn, std::shared_ptr<LinesObject> object) {
  if (read_no_more || turn.stop.requested()) co_return false;
  Open& one = open.emplace(turn.segment, Open{std::move(object)}).first->second;
  scan.add({.segment = turn.segment});
  while (scan.holds(turn.segment) && !read_no_more) {
    co_await changed.wait_for(kLook);
    if (turn.stop.requested()) scan.remove(turn.segment);
  }
  const bool whole = one.read_to_end;
  open.erase(turn.segment);
  co_return whole;
}

/// Makes the object visible, then its manifest, each only while the lease lasts.
async::Task<Status> LeasedBackup::Impl::complete(SegmentTurn& turn, LinesObject& object, WallTime begun) {
  bool ours = co_await tasks.may_write(turn);
  if (!ours) co_return Status{};
  if (auto removed = co_await remove_old_manifests(parts.store, names_of(turn)); !removed) co_return removed;
  auto totals = co_await object.finish();
  if (!totals) co_return std::unexpected(std::move(totals.error()));
  ours = co_await tasks.may_write(turn);
  if (!ours) co_return Status{};
  const DumpNames names = names_of(turn);
  const DumpManifest manifest{.table = parts.table.display(),
                              .begun = begun,
                              .ended = parts.clock.wall_now(),
                              .segment = names.share,
                              .segments = names.shares,
                              .gzip = options.compression == Compression::kGzip,
                              .object = *totals};
  const objects::PutOptions json;
  auto saved = co_await parts.store.put(names.manifest(), to_json(manifest), json);
  if (!saved) co_return saved;
  turn.done = true;
  done.items += totals->lines;
  done.bytes += totals->bytes;
  done.stored_bytes += totals->stored_bytes;
  co_return Status{};
}

}  // namespace dynamirror::jobs
