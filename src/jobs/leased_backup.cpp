// SPDX-License-Identifier: Apache-2.0
#include "jobs/leased_backup.hpp"

#include <map>
#include <optional>
#include <utility>

#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "async/task_group.hpp"
#include "aws/dynamodb/table_settings.hpp"
#include "base/log.hpp"
#include "jobs/dump_manifest.hpp"

namespace dynamirror::jobs {
namespace {

/// Each has an upload under way, of some tens of MB.
constexpr std::size_t kMostObjectsAtOnce = 8;
/// To give leases back at the end, and to take back what was sent of their objects.
constexpr std::chrono::seconds kCloseTime{4};
constexpr std::chrono::milliseconds kLook{100};
/// The last requests of an object are not begun when the lease ends sooner than this.
constexpr std::chrono::milliseconds kShortestEnd{100};

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

struct LeasedBackup::Impl final : source::PageReceiver, LeasedSegments::Work {
  /// A segment that is ours, or was and is not at rest.
  struct Active {
    enum class State {
      kOurs,
      kGivenBack,  ///< before its turn came
      kLost,
      kFinishing,  ///< its object and manifest are there; its lease is told so
    };
    State state = State::kOurs;
    bool begun = false;
    bool read_to_end = false;
    LinesObject* object = nullptr;                   ///< while it is read
    std::optional<source::SegmentPosition> again{};  ///< ours anew, once what was lost is at rest
  };
  using State = Active::State;

  Impl(LeasedBackupParts parts_in, BackupOptions options_in, LeasedSegments::Options leases_in,
       boost::asio::any_io_executor executor_in);

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<Status> put_settings();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;
  void begin(source::SegmentPosition from) override;
  void wind_down(std::uint32_t segment) override;
  void lose(std::uint32_t segment) override;
  void finished(std::uint32_t segment) override { active.erase(segment); }
  void all_done() override { parts.stop.changed().notify(); }
  void fail(JobFailure reason) override;

  [[nodiscard]] async::Task<> read_all();
  [[nodiscard]] async::Task<> back_up(std::uint32_t segment);
  [[nodiscard]] async::Task<> dump(std::uint32_t segment, Active& one);
  [[nodiscard]] async::Task<Status> complete(std::uint32_t segment, Active& one, LinesObject& object, WallTime begun);
  [[nodiscard]] async::Task<bool> still_ours(std::uint32_t segment, Active& one);
  void end(std::uint32_t segment);
  [[nodiscard]] bool ending() const { return failure || parts.stop.requested(); }
  [[nodiscard]] async::Task<> shut_down();

  LeasedBackupParts parts;
  BackupOptions options;
  source::TableScan scan;
  LeasedSegments leases;
  LeasedBackupStatus done{};
  std::map<std::uint32_t, Active> active{};
  async::Semaphore turns{kMostObjectsAtOnce};
  async::Signal changed{};
  bool read_no_more = false;  ///< no page is under way, nor will be
  std::optional<JobFailure> failure{};
  async::TaskGroup reading;
  async::TaskGroup writing;
};

LeasedBackup::LeasedBackup(LeasedBackupParts parts, BackupOptions options, LeasedSegments::Options leases,
                           boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(leases), std::move(executor))) {}
LeasedBackup::~LeasedBackup() = default;
async::Task<JobResult<void>> LeasedBackup::run() { return impl_->run(); }

LeasedBackupStatus LeasedBackup::status() const {
  LeasedBackupStatus status = impl_->done;
  status.scan = impl_->scan.statistics();
  status.shared = impl_->leases.status();
  return status;
}

LeasedBackup::Impl::Impl(LeasedBackupParts parts_in, BackupOptions options_in, LeasedSegments::Options leases_in,
                         boost::asio::any_io_executor executor_in)
    : parts(std::move(parts_in)),
      options(std::move(options_in)),
      scan(options.scan, parts.table.dynamodb(), parts.clock, parts.random, executor_in),
      leases({parts.leases, parts.clock, parts.random, executor_in}, std::move(leases_in)),
      reading(executor_in),
      writing(executor_in) {}

async::Task<JobResult<void>> LeasedBackup::Impl::run() {
  auto described = co_await put_settings();
  if (!described) co_return job_failure(std::move(described.error()));
  reading.spawn(read_all());
  leases.start(*this);
  while (!ending() && !leases.complete()) co_await parts.stop.changed().wait();
  co_await shut_down();
  if (failure) co_return std::unexpected(std::move(*failure));
  if (!leases.complete()) {
    co_return job_failure(ExitCode::kStoppedEarly,
                          Error{.error_class = ErrorClass::kTransient,
                                .doing = "back up",
                                .resource = parts.table.display(),
                                .code = std::string(kStoppedCode),
                                .message = "stopped as asked, before the end; other workers go on, and the same "
                                           "command joins them again"});
  }
  co_return JobResult<void>{};
}

/// Every worker writes the same description, before there is any manifest.
async::Task<Status> LeasedBackup::Impl::put_settings() {
  auto settings = co_await aws::read_settings(parts.table.dynamodb(), parts.table.address().table);
  if (!settings) co_return std::unexpected(std::move(settings.error()));
  const DumpNames names{options.job_id};
  const objects::PutOptions json;
  co_return co_await parts.store.put(names.table(), aws::to_json(*settings), json);
}

void LeasedBackup::Impl::fail(JobFailure reason) {
  if (!failure) failure = std::move(reason);
  parts.stop.changed().notify();
  changed.notify();
}

// ---- leases

void LeasedBackup::Impl::begin(source::SegmentPosition from) {
  const std::uint32_t segment = from.segment;
  const auto [at, added] = active.try_emplace(segment);
  if (added) {
    writing.spawn(back_up(segment));
  } else {
    at->second.again = std::move(from);
  }
}

/// An object that has been begun is brought to its end: half of one is worth nothing to the next owner. Who cannot wait
/// takes the lease away.
void LeasedBackup::Impl::wind_down(std::uint32_t segment) {
  const auto found = active.find(segment);
  if (found == active.end()) return;
  Active& one = found->second;
  if (std::exchange(one.again, std::nullopt)) {
    leases.give_back(segment);
  } else if (one.state == State::kOurs && !one.begun) {
    one.state = State::kGivenBack;
    leases.give_back(segment);
  } else if (ending()) {
    scan.remove(segment);
    changed.notify();
  }
}

void LeasedBackup::Impl::lose(std::uint32_t segment) {
  const auto found = active.find(segment);
  if (found == active.end()) return;
  Active& one = found->second;
  one.again.reset();
  if (one.state == State::kFinishing) {
    active.erase(found);
    return;
  }
  one.state = State::kLost;
  scan.remove(segment);
  changed.notify();
}

// ---- objects

async::Task<> LeasedBackup::Impl::read_all() {
  auto read = co_await scan.serve(*this);
  read_no_more = true;
  if (!read) fail({exit_code_for(read.error()), std::move(read.error())});
}

async::Task<Status> LeasedBackup::Impl::take(aws::ScanPage page, source::SegmentPosition position) {
  Active& one = active.at(position.segment);
  if (one.state == State::kOurs) {
    const std::uint64_t count = page.size();
    std::string lines = lines_of(page);
    auto added = co_await one.object->add(std::move(lines), count);
    if (!added) co_return added;
    one.read_to_end = position.done;
  }
  changed.notify();
  co_return Status{};
}

async::Task<> LeasedBackup::Impl::back_up(std::uint32_t segment) {
  Active& one = active.at(segment);
  {
    const auto turn = co_await turns.acquire();
    if (one.state == State::kOurs && !ending()) co_await dump(segment, one);
  }
  end(segment);
}

/// Nothing of the segment is under way any more.
void LeasedBackup::Impl::end(std::uint32_t segment) {
  Active& one = active.at(segment);
  if (one.state == State::kFinishing) return;
  if (one.state == State::kOurs) leases.give_back(segment);
  std::optional<source::SegmentPosition> again = std::move(one.again);
  active.erase(segment);
  if (again) begin(std::move(*again));
}

async::Task<> LeasedBackup::Impl::dump(std::uint32_t segment, Active& one) {
  one.begun = true;
  const WallTime begun = parts.clock.wall_now();
  const DumpNames names{options.job_id, segment, options.scan.split};
  LinesObject::Options lines{.key = names.data(), .compression = options.compression};
  auto object = co_await LinesObject::start(std::move(lines), parts.store, parts.pool);
  if (!object) {
    fail({exit_code_for(object.error()), std::move(object.error())});
    co_return;
  }
  one.object = object->get();
  if (one.state == State::kOurs && !ending()) scan.add({.segment = segment});
  while (scan.holds(segment) && !read_no_more) co_await changed.wait_for(kLook);
  one.object = nullptr;
  if (one.state == State::kOurs && one.read_to_end) {
    auto completed = co_await complete(segment, one, **object, begun);
    if (!completed) fail({exit_code_for(completed.error()), std::move(completed.error())});
    if (one.state == State::kFinishing) {
      leases.finish(segment);
      co_return;
    }
  }
  (void)co_await (*object)->abort();
}

/// Makes the object visible, then its manifest, each only while the lease lasts.
async::Task<Status> LeasedBackup::Impl::complete(std::uint32_t segment, Active& one, LinesObject& object,
                                                 WallTime begun) {
  bool ours = co_await still_ours(segment, one);
  if (!ours) co_return Status{};
  auto totals = co_await object.finish();
  if (!totals) co_return std::unexpected(std::move(totals.error()));
  ours = co_await still_ours(segment, one);
  if (!ours) co_return Status{};
  const DumpNames names{options.job_id, segment, options.scan.split};
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
  if (one.state != State::kOurs) co_return Status{};
  one.state = State::kFinishing;
  done.items += totals->lines;
  done.bytes += totals->bytes;
  done.stored_bytes += totals->stored_bytes;
  co_return Status{};
}

/// Waits for the renewal when the lease is about to end.
async::Task<bool> LeasedBackup::Impl::still_ours(std::uint32_t segment, Active& one) {
  while (one.state == State::kOurs) {
    const auto until = leases.write_until(segment);
    if (!until) co_return false;
    if (*until > parts.clock.steady_now() + kShortestEnd) co_return true;
    co_await changed.wait_for(kLook);
  }
  co_return false;
}

// ---- the end

async::Task<> LeasedBackup::Impl::shut_down() {
  leases.stop();
  const SteadyTime begun = parts.clock.steady_now();
  bool busy = true;
  while (busy) {
    busy = (leases.holds_any() || !active.empty()) && parts.clock.steady_now() - begun < kCloseTime;
    if (busy) co_await leases.changed().wait_for(kLook);
  }
  for (async::TaskGroup* group : {&reading, &writing}) {
    group->cancel();
    co_await group->join();
  }
  co_await leases.close();
  const auto status = leases.status();
  log::info("left the shared backup", {{"segments_done", std::to_string(status.done)},
                                       {"segments", std::to_string(status.segments)},
                                       {"finished_here", std::to_string(status.finished_here)}});
}

}  // namespace dynamirror::jobs
