// SPDX-License-Identifier: Apache-2.0
#include "jobs/copy/copy_table.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "jobs/segments/copy_segments.hpp"
#include "model/key_canonicalizer.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {
namespace {

/// What has moved is looked at no more often than this, however fast batches come back.
constexpr std::chrono::milliseconds kBetweenLooks{5};
/// After a failure: what can still be given back in good order is.
constexpr std::chrono::seconds kFailureTime{1};

}  // namespace

struct TableCopy::Impl final : source::PageReceiver, SegmentKeeper::Work {
  /// A segment that is ours, or was and is not at rest.
  struct Active {
    enum class State {
      kReading,
      kWindingDown,
      kLettingGo,  ///< that has taken too long: what waits is left to the next owner
      kLost,
      kFinishing,  ///< all of it is in the target; its lease is told so
    };
    State state = State::kReading;
    bool read_to_end = false;
    SteadyTime wound_down{};                         ///< until then, of kWindingDown
    std::optional<source::SegmentPosition> again{};  ///< ours anew, once what was lost is at rest
  };
  using State = Active::State;

  Impl(CopyParts parts_in, CopyOptions options_in, boost::asio::any_io_executor executor_in);

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] async::Task<Status> take(aws::ScanPage page, source::SegmentPosition position) override;
  void begin(source::SegmentPosition from) override;
  void wind_down(std::uint32_t segment) override;
  void lose(std::uint32_t segment) override;
  void finished(std::uint32_t segment) override;
  void all_done() override { ending.finish(); }
  void fail(JobFailure reason) override { ending.fail(std::move(reason)); }

  void read_from(source::SegmentPosition from);
  void keep_safe();
  void look_after_all();
  void at_rest(std::uint32_t segment, Active& one);
  void remove(std::uint32_t segment);
  [[nodiscard]] std::optional<SteadyTime> permit(Pipeline::ShardHandle shard);
  /// Whether nothing more of it is to be written, nor its checkpoint moved.
  [[nodiscard]] bool is_over(std::uint32_t segment) const {
    const State state = active.at(segment).state;
    return state == State::kLost || state == State::kLettingGo;
  }
  /// Whether a page is of no use any more.
  [[nodiscard]] bool is_ending(std::uint32_t segment) const {
    return active.at(segment).state == State::kWindingDown || is_over(segment);
  }
  [[nodiscard]] async::Task<> read_all();
  [[nodiscard]] async::Task<> keep_looking();
  [[nodiscard]] async::Task<> shut_down();

  CopyParts parts;
  CopyOptions options;
  Ending ending;
  source::TableScan scan;
  Pipeline pipeline;
  CopySegments segments;
  model::KeyCanonicalizer keys;
  std::map<std::uint32_t, Active> active{};
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
      segments(pipeline),
      keys(parts.key),
      reading(executor_in),
      looking(executor_in) {}

async::Task<JobResult<void>> TableCopy::Impl::run() {
  if (auto restored = parts.keeper.restore(parts.clock.wall_now()); !restored) co_return restored;
  pipeline.permit_writes([this](Pipeline::ShardHandle shard) { return permit(shard); });
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
  const std::uint32_t segment = position.segment;
  while (!pipeline.has_room() && !is_ending(segment)) co_await pipeline.room().wait();
  if (is_ending(segment)) co_return Status{};
  const bool read_to_end = position.done;
  auto pushed = segments.push_page(page, std::move(position), keys, parts.clock.wall_now());
  if (!pushed) co_return pushed;
  active.at(segment).read_to_end = read_to_end;
  pipeline.wake_writers();
  pipeline.settled().notify();  // a page without items settles nothing, but may be the last
  co_return Status{};
}

// ---- segments

void TableCopy::Impl::begin(source::SegmentPosition from) {
  const auto found = active.find(from.segment);
  if (found == active.end()) {
    read_from(std::move(from));
  } else {
    found->second.again = std::move(from);
  }
}

void TableCopy::Impl::read_from(source::SegmentPosition from) {
  active.emplace(from.segment, Active{});
  segments.add(from.segment);
  scan.add(std::move(from));
}

void TableCopy::Impl::wind_down(std::uint32_t segment) {
  const auto found = active.find(segment);
  if (found == active.end()) return;
  Active& one = found->second;
  if (std::exchange(one.again, std::nullopt)) {
    parts.keeper.give_back(segment);
  } else if (one.state == State::kReading) {
    one.state = State::kWindingDown;
    one.wound_down = parts.clock.steady_now() + options.wind_down_time;
    scan.remove(segment);
    pipeline.room().notify();
    pipeline.settled().notify();
  }
}

void TableCopy::Impl::lose(std::uint32_t segment) {
  const auto found = active.find(segment);
  if (found == active.end()) return;  // at rest already
  found->second.state = State::kLost;
  found->second.again.reset();
  scan.remove(segment);
  pipeline.wake_writers();  // what waits to be written is released
  pipeline.room().notify();
}

void TableCopy::Impl::finished(std::uint32_t segment) { remove(segment); }

void TableCopy::Impl::remove(std::uint32_t segment) {
  segments.remove(segment);
  active.erase(segment);
}

/// Nothing: the lease's time is over, whether or not that has been said yet.
std::optional<SteadyTime> TableCopy::Impl::permit(Pipeline::ShardHandle shard) {
  const std::uint32_t segment = segments.segment_of(shard);
  Active& one = active.at(segment);
  if (is_over(segment)) return std::nullopt;
  const auto until = parts.keeper.write_until(segment);
  if (!until) {
    one.state = State::kLost;  // what is released now must not be covered by a checkpoint
    scan.remove(segment);
  }
  return until;
}

async::Task<> TableCopy::Impl::keep_looking() {
  while (true) {
    look_after_all();
    co_await pipeline.settled().wait_for(options.save_interval);
    co_await async::sleep_for(kBetweenLooks);
  }
}

/// A segment's end is not its checkpoint: `finish` says it.
void TableCopy::Impl::keep_safe() {
  for (state::ScanSegment& moved : segments.take_safe()) {
    if (is_over(moved.segment) || moved.done) continue;
    parts.keeper.checkpoint({.segment = moved.segment, .after_key_json = std::move(moved.after_key_json)});
  }
}

void TableCopy::Impl::look_after_all() {
  keep_safe();
  const SteadyTime now = parts.clock.steady_now();
  std::vector<std::uint32_t> resting;
  for (auto& [segment, one] : active) {
    if (one.state == State::kWindingDown && now >= one.wound_down) {
      one.state = State::kLettingGo;
      pipeline.wake_writers();
    }
    if (!scan.holds(segment) && segments.outstanding(segment) == 0) resting.push_back(segment);
  }
  for (const std::uint32_t segment : resting) at_rest(segment, active.at(segment));
}

void TableCopy::Impl::at_rest(std::uint32_t segment, Active& one) {
  if (one.state == State::kFinishing) return;
  if (one.state == State::kLost) {
    std::optional<source::SegmentPosition> again = std::move(one.again);
    remove(segment);
    if (again) read_from(std::move(*again));
  } else if (one.read_to_end && one.state != State::kLettingGo) {
    one.state = State::kFinishing;
    parts.keeper.finish(segment);
  } else if (one.state != State::kReading) {
    remove(segment);
    parts.keeper.give_back(segment);
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
  keep_safe();
  if (auto closed = co_await parts.keeper.close(); !closed) fail({Reason::kState, std::move(closed.error())});
}

}  // namespace dynamirror::jobs
