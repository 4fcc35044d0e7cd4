// SPDX-License-Identifier: Apache-2.0
#include "jobs/copy/copy_table.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "jobs/copy/copy_core.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {
namespace {

/// What has moved is looked at no more often than this, however fast batches come back.
constexpr std::chrono::milliseconds kBetweenLooks{5};
/// After a failure: what can still be given back in good order is.
constexpr std::chrono::seconds kFailureTime{1};

}  // namespace

struct TableCopy::Impl final : source::PageReceiver, SegmentScan, SegmentKeeper::Work {
  Impl(CopyParts parts_in, CopyOptions options_in, boost::asio::any_io_executor executor_in);

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;

  // For the core.
  void add(source::SegmentPosition position) override { scan.add(std::move(position)); }
  void remove(std::uint32_t segment) override { scan.remove(segment); }
  [[nodiscard]] bool holds(std::uint32_t segment) const override { return scan.holds(segment); }

  // For the keeper.
  void begin(source::SegmentPosition from) override { core.begin(std::move(from)); }
  void wind_down(std::uint32_t segment) override;
  void lose(std::uint32_t segment) override;
  void finished(std::uint32_t segment) override { core.finished(segment); }
  void all_done() override { ending.finish(); }
  void fail(JobFailure reason) override { ending.fail(std::move(reason)); }

  [[nodiscard]] async::Task<> read_all();
  [[nodiscard]] async::Task<> keep_looking();
  [[nodiscard]] async::Task<> shut_down();

  CopyParts parts;
  CopyOptions options;
  Ending ending;
  source::TableScan scan;
  Pipeline pipeline;
  CopyCore core;
  async::TaskGroup reading;
  async::TaskGroup looking;
};

TableCopy::TableCopy(CopyParts parts, CopyOptions options, boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(executor))) {}
TableCopy::~TableCopy() = default;
async::Task<JobResult<void>> TableCopy::run() { return impl_->run(); }

CopyStatus TableCopy::status() const {
  CopyStatus status{.scan = impl_->scan.statistics(),
                    .counters = impl_->pipeline.counters(),
                    .retries = impl_->pipeline.statistics().retries,
                    .resumed = impl_->parts.keeper.resumed(),
                    .last_trouble = impl_->pipeline.statistics().last_trouble};
  status.scan.segments_done = impl_->parts.keeper.done();
  return status;
}

TableCopy::Impl::Impl(CopyParts parts_in, CopyOptions options_in, boost::asio::any_io_executor executor_in)
    : parts(std::move(parts_in)),
      options(std::move(options_in)),
      ending(parts.stop),
      scan(options.scan, parts.source, parts.clock, parts.random, executor_in),
      pipeline({parts.sink, parts.dead_letters, parts.clock, parts.random, executor_in, ending}, options.pipeline),
      core({pipeline.core(), parts.keeper, *this}, parts.key, options.wind_down_time),
      reading(executor_in),
      looking(executor_in) {}

async::Task<JobResult<void>> TableCopy::Impl::run() {
  if (auto restored = parts.keeper.restore(parts.clock.wall_now()); !restored) co_return restored;
  reading.spawn(read_all());
  pipeline.start();
  looking.spawn(keep_looking());
  parts.keeper.start(*this);
  co_await ending.wait();
  co_await shut_down();
  if (ending.failure()) co_return std::unexpected(*ending.failure());
  if (!parts.keeper.complete()) {
    co_return job_failure(Reason::kStopped, Error{.error_class = ErrorClass::kTransient,
                                                  .doing = options.purpose,
                                                  .resource = parts.sink.describe(),
                                                  .code = std::string(kStoppedCode),
                                                  .message = "stopped as asked, before the end; " +
                                                             std::string(parts.keeper.after_stop())});
  }
  co_return JobResult<void>{};
}

// ---- reading

async::Task<> TableCopy::Impl::read_all() {
  auto read = co_await scan.serve(*this);
  if (!read) fail({reason_for(read.error()), std::move(read.error())});
}

async::Task<Status> TableCopy::Impl::take(aws::ScanPage page, source::SegmentPosition position) {
  while (core.must_wait(position.segment)) co_await pipeline.room().wait();
  auto taken = core.page_arrived(page, std::move(position), parts.clock.wall_now());
  pipeline.wake_writers();
  pipeline.settled().notify();  // a page without items settles nothing, but may be the last
  co_return taken;
}

// ---- segments

void TableCopy::Impl::wind_down(std::uint32_t segment) {
  core.wind_down(segment);
  pipeline.room().notify();
  pipeline.settled().notify();
}

void TableCopy::Impl::lose(std::uint32_t segment) {
  core.lose(segment);
  pipeline.wake_writers();  // what waits to be written is released
  pipeline.room().notify();
}

async::Task<> TableCopy::Impl::keep_looking() {
  while (true) {
    core.checkpoint();
    if (core.tend(parts.clock.steady_now())) pipeline.wake_writers();
    co_await pipeline.settled().wait_for(options.save_interval);
    co_await async::sleep_for(kBetweenLooks);
  }
}

// ---- the end

/// Every segment comes to rest and is given back. What cannot within the time is left to expire: its last writes may be
/// on their way.
async::Task<> TableCopy::Impl::shut_down() {
  constexpr Duration kLook = std::chrono::milliseconds(50);
  parts.keeper.stop();
  const SteadyTime begun = parts.clock.steady_now();
  bool busy = true;
  while (busy) {
    const auto limit =
        ending.failure() ? std::min<Duration>(kFailureTime, options.drain_timeout) : options.drain_timeout;
    busy = (parts.keeper.holds_any() || pipeline.counters().held() > 0) && parts.clock.steady_now() - begun < limit;
    if (busy) co_await parts.keeper.changed().wait_for(kLook);
  }
  for (async::TaskGroup* group : {&reading, &looking}) {
    group->cancel();
    co_await group->join();
  }
  co_await pipeline.stop();
  core.checkpoint();
  if (auto closed = co_await parts.keeper.close(); !closed) fail({Reason::kState, std::move(closed.error())});
}

}  // namespace dynamirror::jobs
