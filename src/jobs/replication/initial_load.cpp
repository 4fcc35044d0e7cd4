// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/initial_load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "async/sleep.hpp"
#include "async/task_group.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "jobs/replication/change_spool.hpp"
#include "jobs/replication/stream_position.hpp"
#include "jobs/replication/trim.hpp"
#include "jobs/segments/local_segments.hpp"
#include "pipeline/item_loader.hpp"

namespace dynamirror::jobs {
namespace {

// The phases as the state file spells them.
constexpr std::string_view kRecording = "recording";
constexpr std::string_view kLoading = "loading";
constexpr std::string_view kDraining = "draining";

constexpr std::chrono::hours kStreamMargin{1};
constexpr std::chrono::seconds kFirstMeasure{10};
constexpr std::size_t kDrainedAtOnce = 10'000;
constexpr std::size_t kDrainedBytesAtOnce = 8u << 20;

std::unexpected<JobFailure> state_failed(Error error) { return job_failure(Reason::kState, std::move(error)); }

Error conflict(std::string resource, std::string message) {
  return {.error_class = ErrorClass::kConflict,
          .doing = std::string(kInitialLoad) + " of",
          .resource = std::move(resource),
          .code = {},
          .message = std::move(message)};
}

/// The time of reading goes with the rows.
Status copy_time(state::CheckpointStore& from, state::CheckpointStore& to) {
  const auto time = from.read_until();
  if (!time) return std::unexpected(time.error());
  return *time ? to.save_read_until(**time) : Status{};
}

/// Makes a store hold exactly these rows of the stream. New ones are saved before old ones go: at no moment is it
/// empty.
Status replace_rows(state::CheckpointStore& store, const StreamArn& stream,
                    const std::vector<model::ShardCheckpoint>& rows) {
  const auto before = store.load(stream);
  if (!before) return std::unexpected(before.error());
  if (auto saved = store.save(stream, rows); !saved) return saved;
  std::vector<ShardId> old;
  for (const model::ShardCheckpoint& row : *before) {
    const bool kept = std::any_of(rows.begin(), rows.end(),
                                  [&](const model::ShardCheckpoint& wanted) { return wanted.shard == row.shard; });
    if (!kept) old.push_back(row.shard);
  }
  return store.remove(stream, old);
}

}  // namespace

struct InitialLoad::Impl {
  Impl(InitialLoadParts parts_in, InitialLoadOptions options_in, boost::asio::any_io_executor executor_in)
      : parts(std::move(parts_in)),
        options(std::move(options_in)),
        executor(std::move(executor_in)),
        background(executor),
        reading(executor) {
    options.copy.purpose = kInitialLoad;
    options.spooling.stop_when_caught_up = false;
    options.spooling.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;  // of shards not recorded
    if (parts.spool) spool.emplace(parts.spool->changes);
  }

  [[nodiscard]] async::Task<JobResult<void>> run();
  [[nodiscard]] JobResult<void> restore();
  [[nodiscard]] ScanPlan plan() const;
  [[nodiscard]] async::Task<JobResult<void>> record_position();
  [[nodiscard]] async::Task<JobResult<void>> load();
  [[nodiscard]] JobResult<void> after_load();
  [[nodiscard]] async::Task<JobResult<void>> drain();
  [[nodiscard]] async::Task<JobResult<void>> drain_changes(std::vector<state::SpooledChange> changes);
  [[nodiscard]] JobResult<void> check_stream() const;
  [[nodiscard]] JobResult<void> check_spool() const;
  [[nodiscard]] JobResult<void> begin_spool();
  [[nodiscard]] Status make_spool_ours();
  [[nodiscard]] Status clear_spool();
  [[nodiscard]] JobResult<void> enter(std::string_view next);
  [[nodiscard]] JobResult<void> finish();
  void say_expectation() const;
  // Background tasks of the load.
  [[nodiscard]] async::Task<> spool_stream();
  [[nodiscard]] async::Task<> pass_stop_on();
  [[nodiscard]] async::Task<> measure();

  InitialLoadParts parts;
  InitialLoadOptions options;
  boost::asio::any_io_executor executor;
  std::string phase{};
  WallTime begun{};
  std::string spool_id{};  ///< of the spool that this load has begun with; empty: none so far
  StopRequest load_stop{};
  StopRequest spool_stop{};
  std::optional<ChangeSpool> spool{};
  std::optional<LocalSegments> segments{};
  std::optional<TableCopy> copy{};
  std::optional<Replication> spooling{};
  std::optional<JobFailure> spool_failure{};
  std::optional<ItemLoader> loader{};
  std::uint64_t drained = 0;
  async::TaskGroup background;
  async::TaskGroup reading;
};

InitialLoad::InitialLoad(InitialLoadParts parts, InitialLoadOptions options, boost::asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options), std::move(executor))) {}
InitialLoad::~InitialLoad() = default;
async::Task<JobResult<void>> InitialLoad::run() { return impl_->run(); }

InitialLoad::Progress InitialLoad::status() const {
  Progress status{.phase = impl_->phase, .copy = {}, .drained = impl_->drained};
  if (impl_->copy) status.copy = impl_->copy->status();
  if (impl_->spooling) status.spooled = impl_->spooling->status().counters.applied;
  return status;
}

async::Task<JobResult<void>> InitialLoad::Impl::run() {
  auto done = restore();
  if (done && phase == kRecording) done = co_await record_position();
  if (done && phase == kLoading) done = co_await load();
  if (done && phase == kDraining) done = co_await drain();
  co_return done;
}

ScanPlan InitialLoad::Impl::plan() const {
  const auto& scan = options.copy.scan;
  return {.purpose = options.copy.purpose,
          .phase = std::string(kRecording),
          .table = scan.table,
          .share = scan.share,
          .shares = scan.shares,
          .split = scan.split};
}

/// Finds the phase that was reached, or begins with the first.
JobResult<void> InitialLoad::Impl::restore() {
  const auto job = parts.scans.load_scan();
  if (!job) return state_failed(job.error());
  if (*job) {
    if (auto same = check_same_scan(**job, plan()); !same) return state_failed(same.error());
    phase = (*job)->phase;
    begun = (*job)->begun;
    spool_id = (*job)->spool;
    if (phase == kDraining && !spool) {
      return state_failed(conflict(parts.stream.arn().str(), "changes wait in the spool; start with the same --spool"));
    }
    return {};
  }
  const auto streams = parts.positions.streams();
  if (!streams) return state_failed(streams.error());
  if (!streams->empty()) {
    return state_failed(conflict(parts.sink.describe(),
                                 "this replication has begun without one, and a load now would write older items over "
                                 "newer ones; go on without --initial-load, or remove the state file and empty the "
                                 "target to start over"));
  }
  const state::ScanJob fresh = fresh_scan(plan(), parts.clock.wall_now());
  if (auto saved = parts.scans.save_scan(fresh); !saved) return state_failed(saved.error());
  phase = fresh.phase;
  begun = fresh.begun;
  return {};
}

JobResult<void> InitialLoad::Impl::enter(std::string_view next) {
  if (auto saved = parts.scans.set_scan_phase(next); !saved) return state_failed(saved.error());
  phase = next;
  log::info("initial load", {{"phase", phase}});
  return {};
}

async::Task<JobResult<void>> InitialLoad::Impl::record_position() {
  const PositionParts position_parts{parts.stream, parts.stop, parts.clock, parts.random};
  const WallTime now = parts.clock.wall_now();
  auto rows = co_await find_stream_position(position_parts);
  if (!rows) co_return job_failure(std::move(rows.error()));
  if (auto cleared = clear_spool(); !cleared) co_return state_failed(cleared.error());
  if (auto saved = parts.positions.save_read_until(now); !saved) co_return state_failed(saved.error());
  if (auto saved = replace_rows(parts.positions, parts.stream.arn(), *rows); !saved)
    co_return state_failed(saved.error());
  log::info("position of the stream recorded", {{"shards", std::to_string(rows->size())}});
  co_return enter(kLoading);
}

/// What an earlier load has left there, before this one began.
Status InitialLoad::Impl::clear_spool() {
  if (!spool) return {};
  const auto streams = parts.spool->positions.streams();
  if (!streams) return std::unexpected(streams.error());
  for (const StreamArn& stream : *streams) {
    if (auto cleared = replace_rows(parts.spool->positions, stream, {}); !cleared) return cleared;
  }
  return parts.spool->changes.remove_changes_to(std::numeric_limits<std::int64_t>::max());
}

/// The rows of the recorded position are those of one stream.
JobResult<void> InitialLoad::Impl::check_stream() const {
  const auto streams = parts.positions.streams();
  if (!streams) return state_failed(streams.error());
  const bool ours =
      streams->empty() || std::find(streams->begin(), streams->end(), parts.stream.arn()) != streams->end();
  if (ours) return {};
  return job_failure(Reason::kTrimmed,
                     conflict(streams->front().str(),
                              "the table now has another stream, " + parts.stream.arn().str() +
                                  "; changes made between the two were never recorded. Remove the state file to start "
                                  "the load over"));
}

/// Another spool, or a new one, has not the changes that were spooled, nor the positions that go with them.
JobResult<void> InitialLoad::Impl::check_spool() const {
  const auto id = parts.spool->changes.spool_id();
  if (!id) return state_failed(id.error());
  const auto reached = parts.spool->positions.load(parts.stream.arn());
  if (!reached) return state_failed(reached.error());
  // A load of a version that gave no ids has left positions.
  const bool ours = *id == spool_id && (!spool_id.empty() || !reached->empty());
  if (ours) return {};
  return state_failed(conflict(parts.spool->name,
                               "this spool is not the one that the load has begun with; start with the --spool of "
                               "before (a relative path counts from the working folder) or, if that file is lost, "
                               "remove the state file to start over"));
}

/// The spool goes on from the recorded position, unless it has gone further already.
JobResult<void> InitialLoad::Impl::begin_spool() {
  if (!spool_id.empty()) return check_spool();
  if (auto ours = make_spool_ours(); !ours) return state_failed(ours.error());
  return {};
}

/// The id is the last thing that the spool gets, and the state file gets it after that: killed on the way, the next run
/// begins again.
Status InitialLoad::Impl::make_spool_ours() {
  const auto former = parts.spool->changes.spool_id();
  if (!former) return std::unexpected(former.error());
  const auto reached = parts.spool->positions.load(parts.stream.arn());
  if (!reached) return std::unexpected(reached.error());
  // Positions without an id are ours, of a version that gave none; with one, they are those of another load.
  if (!former->empty() || reached->empty()) {
    if (auto cleared = clear_spool(); !cleared) return cleared;
    const auto recorded = parts.positions.load(parts.stream.arn());
    if (!recorded) return std::unexpected(recorded.error());
    if (auto saved = copy_time(parts.positions, parts.spool->positions); !saved) return saved;
    if (auto saved = parts.spool->positions.save(parts.stream.arn(), *recorded); !saved) return saved;
  }
  spool_id = fmt::format("{:016x}{:016x}", parts.random.next(), parts.random.next());
  if (auto named = parts.spool->changes.set_spool_id(spool_id); !named) return named;
  return parts.scans.set_scan_spool(spool_id);
}

async::Task<JobResult<void>> InitialLoad::Impl::load() {
  if (auto same = check_stream(); !same) co_return same;
  if (spool) {
    if (auto ready = begin_spool(); !ready) co_return ready;
  }
  say_expectation();
  segments.emplace(parts.scans, LocalSegments::Options{plan(), options.copy.save_interval}, executor);
  const CopyParts copy_parts{.source = parts.source,
                             .key = parts.stream.key(),
                             .sink = parts.sink,
                             .dead_letters = parts.dead_letters,
                             .keeper = *segments,
                             .stop = load_stop,
                             .clock = parts.clock,
                             .random = parts.random};
  copy.emplace(copy_parts, options.copy, executor);
  background.spawn(pass_stop_on());
  background.spawn(measure());
  if (spool) reading.spawn(spool_stream());
  auto copied = co_await copy->run();
  spool_stop.request();
  co_await reading.join();
  background.cancel();
  co_await background.join();
  if (spool_failure) co_return std::unexpected(std::move(*spool_failure));
  if (!copied) co_return copied;
  co_return after_load();
}

async::Task<> InitialLoad::Impl::spool_stream() {
  const ReplicateParts spool_parts{.stream = parts.stream,
                                   .sink = *spool,
                                   .dead_letters = nullptr,
                                   .store = &parts.spool->positions,
                                   .stop = spool_stop,
                                   .clock = parts.clock,
                                   .random = parts.random};
  spooling.emplace(spool_parts, options.spooling, executor);
  auto ended = co_await spooling->run();
  // What was read and not spooled is read again later: its positions have not moved.
  if (ended || ended.error().reason == Reason::kStopped) co_return;
  spool_failure = std::move(ended.error());
  load_stop.request();
}

async::Task<> InitialLoad::Impl::pass_stop_on() {
  while (!parts.stop.requested()) co_await parts.stop.changed().wait();
  load_stop.request();
  spool_stop.request();
}

JobResult<void> InitialLoad::Impl::after_load() {
  if (spool) return enter(kDraining);
  // Records that were trimmed meanwhile leave no trace in a shard that is read from its oldest one.
  if (parts.clock.wall_now() - begun < parts.stream.retention() - kStreamMargin) return enter(kLoadDone);
  return job_failure(Reason::kTrimmed,
                     conflict(parts.stream.arn().str(),
                              "the load has taken as long as the stream keeps its records, and changes made since it "
                              "began may be gone; remove the state file and start over with --spool DIR, or with a "
                              "longer retention of a stream of Kinesis"));
}

/// The positions that the spool has reached become those of the replication, then its changes are written.
async::Task<JobResult<void>> InitialLoad::Impl::drain() {
  if (auto same = check_stream(); !same) co_return same;
  if (auto same = check_spool(); !same) co_return same;
  const auto rows = parts.spool->positions.load(parts.stream.arn());
  if (!rows) co_return state_failed(rows.error());
  if (auto saved = copy_time(parts.spool->positions, parts.positions); !saved) co_return state_failed(saved.error());
  if (auto saved = replace_rows(parts.positions, parts.stream.arn(), *rows); !saved)
    co_return state_failed(saved.error());
  while (true) {  // ends with the last change, or a stop request
    if (auto going = parts.stop.check("drain", "the spool"); !going) co_return job_failure(going.error());
    auto changes = parts.spool->changes.changes_after(0, kDrainedAtOnce, kDrainedBytesAtOnce);
    if (!changes) co_return state_failed(changes.error());
    if (changes->empty()) break;
    const std::int64_t last = changes->back().row;
    if (auto written = co_await drain_changes(std::move(*changes)); !written) co_return written;
    if (auto removed = parts.spool->changes.remove_changes_to(last); !removed) co_return state_failed(removed.error());
  }
  co_return finish();
}

async::Task<JobResult<void>> InitialLoad::Impl::drain_changes(std::vector<state::SpooledChange> changes) {
  const ItemLoader::Options loader_options{.max_concurrent_writes =
                                               options.copy.pipeline.writing.max_concurrent_writes};
  loader.emplace(
      ItemLoader::Parts{parts.stream.key(), parts.sink, parts.dead_letters, parts.clock, parts.random, executor},
      loader_options);
  Status given;
  for (const state::SpooledChange& change : changes) {
    if (change.image.empty()) {
      given = co_await loader->remove(change.key);
    } else {
      given = co_await loader->put(change.image);
    }
    if (!given) break;
  }
  auto finished = co_await loader->finish();
  drained += loader->counters().settled();
  if (!finished) co_return finished;
  if (!given) co_return job_failure(std::move(given.error()));
  co_return JobResult<void>{};
}

JobResult<void> InitialLoad::Impl::finish() {
  if (auto done = enter(kLoadDone); !done) return done;
  if (auto cleared = clear_spool(); !cleared) return state_failed(cleared.error());
  return {};
}

void InitialLoad::Impl::say_expectation() const {
  const auto expected = expected_load_time(options.estimate, {.read_units_per_second = options.copy.scan.max_read_units,
                                                              .write_units_per_second = options.max_write_units});
  log::info("loading", {{"estimate", to_text(options.estimate)},
                        {"expected", expected ? format_duration(*expected) : "known after a few seconds"},
                        {"stream_keeps", format_duration(parts.stream.retention())}});
  if (!expected || *expected < parts.stream.retention() - kStreamMargin || spool) return;
  log::warning(
      "with this budget the load outlives the stream's 24 hours; stop now, and start over with --spool DIR or "
      "a larger budget",
      {{"expected", format_duration(*expected)}});
}

/// Without a budget only the table itself can tell how fast it goes.
async::Task<> InitialLoad::Impl::measure() {
  co_await async::sleep_for(kFirstMeasure);
  const double rate =
      static_cast<double>(copy->status().counters.settled()) / std::chrono::duration<double>(kFirstMeasure).count();
  if (rate <= 0 || options.estimate.items <= 0) co_return;
  const std::chrono::seconds expected(static_cast<std::int64_t>(options.estimate.items / rate));
  log::info("loading",
            {{"expected", format_duration(expected)}, {"stream_keeps", format_duration(parts.stream.retention())}});
  if (expected < parts.stream.retention() - kStreamMargin || spool) co_return;
  log::warning("at this speed the load outlives the stream's 24 hours; stop now, and start over with --spool DIR",
               {{"expected", format_duration(expected)}});
}

std::optional<std::chrono::seconds> expected_load_time(const CopyEstimate& estimate, LoadBudgets budgets) {
  double seconds = 0;
  if (budgets.read_units_per_second) seconds = estimate.read_units / *budgets.read_units_per_second;
  if (budgets.write_units_per_second) {
    seconds = std::max(seconds, estimate.write_units / *budgets.write_units_per_second);
  }
  if (!budgets.read_units_per_second && !budgets.write_units_per_second) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

Status check_no_unfinished_load(state::ScanStore& scans) {
  const auto job = scans.load_scan();
  if (!job) return std::unexpected(job.error());
  if (!*job || (*job)->purpose != kInitialLoad || (*job)->phase == kLoadDone) return {};
  return std::unexpected(conflict("this replication", "it has not ended; start with --initial-load to go on with it"));
}

}  // namespace dynamirror::jobs
