// SPDX-License-Identifier: Apache-2.0
#include "jobs/copy/copy_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "jobs/segments/copy_segments.hpp"
#include "model/key_canonicalizer.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {

struct TableCopy::Impl final : source::PageReceiver {
  Impl(CopyParts parts_in, CopyOptions options_in, boost::asio::any_io_executor executor_in);

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;
  [[nodiscard]] JobResult<void> restore();
  [[nodiscard]] async::Task<> read_all();
  [[nodiscard]] async::Task<> shut_down();
  [[nodiscard]] async::Task<> keep_positions();
  [[nodiscard]] Status save_positions() { return parts.store.save_segments(segments.take_safe()); }

  CopyParts parts;
  CopyOptions options;
  Ending ending;
  source::TableScan scan;
  Pipeline pipeline;
  CopySegments segments;
  model::KeyCanonicalizer keys;
  std::vector<source::SegmentPosition> from{};
  bool resumed = false;
  async::TaskGroup reading;
  async::TaskGroup keeping;
};

TableCopy::TableCopy(CopyParts parts, CopyOptions options, boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(executor))) {}
TableCopy::~TableCopy() = default;
async::Task<JobResult<void>> TableCopy::run() { return impl_->run(); }

CopyStatus TableCopy::status() const {
  return {.scan = impl_->scan.statistics(),
          .counters = impl_->pipeline.counters(),
          .retries = impl_->pipeline.statistics().retries,
          .resumed = impl_->resumed,
          .last_trouble = impl_->pipeline.statistics().last_trouble};
}

TableCopy::Impl::Impl(CopyParts parts_in, CopyOptions options_in, boost::asio::any_io_executor executor_in)
    : parts(std::move(parts_in)),
      options(std::move(options_in)),
      ending(parts.stop),
      scan(options.scan, parts.source, parts.clock, parts.random, executor_in),
      pipeline({parts.sink, parts.dead_letters, parts.clock, parts.random, executor_in, ending}, options.pipeline),
      segments(pipeline),
      keys(parts.key),
      reading(executor_in),
      keeping(executor_in) {}

async::Task<JobResult<void>> TableCopy::Impl::run() {
  if (auto restored = restore(); !restored) co_return std::unexpected(std::move(restored.error()));
  reading.spawn(read_all());
  pipeline.start();
  keeping.spawn(keep_positions());
  co_await ending.wait();
  co_await shut_down();
  if (auto saved = save_positions(); !saved) ending.fail({ExitCode::kState, std::move(saved.error())});
  if (ending.failure()) co_return std::unexpected(*ending.failure());
  if (!ending.finished() || pipeline.counters().held() > 0) {
    co_return job_failure(ExitCode::kStoppedEarly,
                          Error{.error_class = ErrorClass::kTransient,
                                .doing = options.purpose,
                                .resource = parts.sink.describe(),
                                .code = std::string(kStoppedCode),
                                .message = "stopped as asked, before the end; the same command goes on from here"});
  }
  co_return JobResult<void>{};
}

/// Goes on with the scan that the store remembers, or makes it remember a new one before the first page is read.
JobResult<void> TableCopy::Impl::restore() {
  auto job = parts.store.load_scan();
  if (!job) return job_failure(ExitCode::kState, std::move(job.error()));
  resumed = job->has_value();
  if (resumed) {
    if (auto same = check_same_scan(**job, options); !same) return job_failure(ExitCode::kState, same.error());
    for (coordination::ScanSegment& segment : (*job)->segments) {
      from.push_back({segment.segment, std::move(segment.after_key_json), segment.done});
    }
  } else {
    from = scan.fresh();
    const coordination::ScanJob fresh = fresh_scan(options, parts.clock.wall_now());
    if (auto saved = parts.store.save_scan(fresh); !saved) return job_failure(ExitCode::kState, saved.error());
  }
  for (const source::SegmentPosition& position : from) segments.add(position.segment);
  return {};
}

async::Task<> TableCopy::Impl::read_all() {
  auto read = co_await scan.run(std::move(from), *this);
  if (!read) {
    ending.fail({exit_code_for(read.error()), std::move(read.error())});
    co_return;
  }
  ending.finish();
}

async::Task<Status> TableCopy::Impl::take(aws::ScanPage page, source::SegmentPosition position) {
  while (!pipeline.has_room()) co_await pipeline.room().wait();
  auto pushed = segments.push_page(page, std::move(position), keys, parts.clock.wall_now());
  if (!pushed) co_return pushed;
  pipeline.wake_writers();
  co_return Status{};
}

/// Reading ends at once; writing goes on to its end, or for a moment when the stop was asked for.
async::Task<> TableCopy::Impl::shut_down() {
  reading.cancel();
  co_await reading.join();
  std::optional<SteadyTime> deadline;
  const auto late = [&] {
    const SteadyTime now = parts.clock.steady_now();
    if (parts.stop.requested() && !deadline) deadline = now + options.drain_timeout;
    return deadline && now >= *deadline;
  };
  co_await pipeline.drain(late);
  co_await pipeline.stop();
  keeping.cancel();
  co_await keeping.join();
}

async::Task<> TableCopy::Impl::keep_positions() {
  while (true) {
    co_await async::sleep_for(options.save_interval);
    if (auto saved = save_positions(); !saved) {
      ending.fail({ExitCode::kState, std::move(saved.error())});
      co_return;
    }
  }
}

coordination::ScanJob fresh_scan(const CopyOptions& options, WallTime now) {
  const auto& scan = options.scan;
  coordination::ScanJob job{.purpose = options.purpose,
                            .phase = options.phase,
                            .share = scan.share,
                            .shares = scan.shares,
                            .split = scan.split,
                            .begun = std::chrono::floor<std::chrono::seconds>(now)};
  for (std::uint32_t i = 0; i < scan.split; ++i) job.segments.push_back({.segment = scan.share * scan.split + i});
  return job;
}

Status check_same_scan(const coordination::ScanJob& found, const CopyOptions& wanted) {
  const auto refuse = [&](std::string message) {
    return failure(ErrorClass::kConflict, "resume " + wanted.purpose, "of " + wanted.scan.table.str(),
                   std::move(message));
  };
  if (found.purpose != wanted.purpose) {
    return refuse("the state file remembers an unfinished " + found.purpose +
                  "; finish that one first, or choose another file with --state");
  }
  const auto& scan = wanted.scan;
  if (found.share == scan.share && found.shares == scan.shares && found.split == scan.split) return {};
  return refuse(
      fmt::format("it was begun as segment {} of {}, split {}, and this is segment {} of {}, split {}: its "
                  "positions do not fit. Use the same numbers, or remove the state file to start over",
                  found.share, found.shares, found.split, scan.share, scan.shares, scan.split));
}

}  // namespace dynamirror::jobs
