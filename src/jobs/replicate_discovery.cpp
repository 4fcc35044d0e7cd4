// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "base/log.hpp"
#include "jobs/replication_impl.hpp"

namespace dynamirror::jobs {
namespace {

/// An empty answer does not prove that a shard has no more records: DynamoDB answers empty pages in mid-shard, too.
/// Several in a row from every shard, with nothing held and a fresh listing, is as near to certain as the service
/// allows.
constexpr std::size_t kEmptyAnswersAtTip = 4;
constexpr std::size_t kEmptyAnswersAfterListing = 3;
constexpr std::chrono::milliseconds kLook{50};

Status remove_rows(coordination::CheckpointStore& store, const StreamArn& stream) {
  const auto rows = store.load(stream);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ShardId> shards;
  for (const model::ShardCheckpoint& row : *rows) shards.push_back(row.shard);
  return store.remove(stream, shards);
}

}  // namespace

JobResult<void> Replication::Impl::restore() {
  auto rows = parts.store.load(parts.stream.arn);
  if (!rows) return job_failure(ExitCode::kState, std::move(rows.error()));
  fresh_start = rows->empty();
  if (fresh_start) {
    if (auto checked = check_replaced_streams(); !checked) return checked;
  }
  for (const model::ShardCheckpoint& row : *rows) parents_of[row.shard] = row.parents;
  graph.emplace(options.start, std::move(*rows));
  return {};
}

/// A stream that is turned off and on again is a new stream: what changed in between is in neither.
JobResult<void> Replication::Impl::check_replaced_streams() {
  auto streams = parts.store.streams();
  if (!streams) return job_failure(ExitCode::kState, std::move(streams.error()));
  for (const StreamArn& old : *streams) {
    if (old == parts.stream.arn) continue;
    Error gap{.error_class = ErrorClass::kNotFound,
              .doing = "continue stream",
              .resource = old.str(),
              .code = {},
              .message = "the table now has another stream, " + parts.stream.arn.str() +
                         "; changes made between the two were never recorded. Compare both tables, or go on from the "
                         "new stream's oldest record with --on-trim continue"};
    if (options.on_trim == ReplicateOptions::OnTrim::kStop) return job_failure(ExitCode::kTrimmed, std::move(gap));
    log::warning(to_line(gap));
    replaced_streams.push_back(old);
    options.start = ordering::ShardGraph::InitialPosition::kTrimHorizon;  // the start was an earlier stream's
  }
  return {};
}

async::Task<> Replication::Impl::discover() {
  async::Backoff backoff({.base = std::chrono::milliseconds(500), .cap = std::chrono::milliseconds(10'000)});
  while (true) {
    const bool complete = co_await list_once();
    if (failure) co_return;
    if (complete && !graph->wants_listing()) {
      backoff.reset();
      listing_rests = true;
      co_await list_now.wait_for(options.list_shards_interval);
      listing_rests = false;
      listing.moved(parts.clock.steady_now());
    } else {
      co_await async::sleep_for(std::chrono::milliseconds(100) + backoff.next(parts.random));
    }
  }
}

/// One listing, with everything that follows from it. True when it was complete.
async::Task<bool> Replication::Impl::list_once() {
  const auto turn = co_await listing_turn.acquire();
  auto found = co_await lister.list();
  if (!found) {
    fail({exit_code_for(found.error()), std::move(found.error())});
    co_return false;
  }
  // A page is progress, too: a long listing under throttling takes many attempts.
  if (found->complete || !found->shards.empty()) listing.moved(parts.clock.steady_now());
  stream_enabled = found->stream_enabled;
  graph->observe(found->shards, found->complete);
  if (!record_new_shards()) co_return false;
  listed_completely = listed_completely || found->complete;
  roots_known = roots_known || (found->complete && !graph->wants_listing());
  if (found->complete) forget_old_shards();
  start_readable();
  if (found->complete && !stream_enabled && graph->unfinished() == 0 && !options.stop_when_caught_up) {
    fail({ExitCode::kNotReady, Error{.error_class = ErrorClass::kNotFound,
                                     .doing = "read stream",
                                     .resource = parts.stream.arn.str(),
                                     .code = {},
                                     .message = "the stream was turned off; everything it held has been applied. Turn "
                                                "the table's stream on again and start with --on-trim continue"}});
  }
  co_return found->complete;
}

/// Rows become durable before reading begins, so that a crash right after never takes a child for a new shard.
bool Replication::Impl::record_new_shards() {
  std::vector<model::ShardCheckpoint> rows = graph->take_new_rows();
  if (rows.empty()) return true;
  for (const model::ShardCheckpoint& row : rows) {
    parents_of[row.shard] = row.parents;
    if (fresh_start && !roots_known) first_shards.insert(row.shard);
  }
  log::info("new shards", {{"count", std::to_string(rows.size())}, {"first", rows.front().shard.str()}});
  return save(std::move(rows)) && forget_replaced_streams();
}

/// Not before this stream has rows: until then those of the old one are the only sign that there was a start before.
bool Replication::Impl::forget_replaced_streams() {
  for (const StreamArn& old : std::exchange(replaced_streams, {})) {
    if (auto removed = remove_rows(parts.store, old); !removed) {
      fail({ExitCode::kState, std::move(removed.error())});
      return false;
    }
  }
  return true;
}

void Replication::Impl::forget_old_shards() {
  const std::vector<ShardId> shards = graph->take_forgettable();
  if (shards.empty()) return;
  if (auto removed = parts.store.remove(parts.stream.arn, shards); !removed) {
    fail({ExitCode::kState, std::move(removed.error())});
    return;
  }
  for (const ShardId& shard : shards) parents_of.erase(shard);
}

void Replication::Impl::start_readable() {
  const source::ShardReader::Context context{parts.stream, slots, parts.clock, parts.random};
  for (ordering::ShardGraph::Readable& readable : graph->take_readable()) {
    const SteadyTime now = parts.clock.steady_now();
    log::debug("reading shard", {{"shard", readable.shard.str()}, {"from", model::to_string(readable.from)}});
    active.push_back(
        {.id = readable.shard,
         .from = readable.from,
         .handle = buffer.add_shard(),
         .reader = source::ShardReader(context, readable.shard, readable.from, {.idle_poll = options.idle_poll}),
         .pushed = {},
         .saved = {},
         .asked_at = now});
    reading.spawn(read_shard(active.back()));
  }
}

bool Replication::Impl::caught_up() const {
  // A shard that has ended goes on in children, listed or not yet; only those of a stream that is off have none.
  if (stream_enabled && graph->wants_listing()) return false;
  return listed_completely && buffer.counters().held() == 0 && graph->unfinished() == active.size() &&
         std::all_of(active.begin(), active.end(),
                     [](const ActiveShard& shard) { return shard.empty_answers >= kEmptyAnswersAtTip; });
}

async::Task<> Replication::Impl::end_when_caught_up() {
  while (!done) {
    co_await async::sleep_for(kLook);
    // A shard may have split since the last listing: only a new one shows that there is nothing else to read.
    if (!caught_up() || !co_await list_once()) continue;
    for (ActiveShard& shard : active) shard.empty_answers_at_listing = shard.empty_answers;
    co_await confirm_caught_up();
  }
}

/// Answers may be empty in the middle of a shard, and those that came before the listing know nothing of a shard that
/// ended meanwhile: the job is done only when every shard has answered some more questions with nothing.
async::Task<> Replication::Impl::confirm_caught_up() {
  while (!done && caught_up()) {
    done = std::all_of(active.begin(), active.end(), [](const ActiveShard& shard) {
      return shard.empty_answers >= shard.empty_answers_at_listing + kEmptyAnswersAfterListing;
    });
    if (!done) co_await async::sleep_for(kLook);
  }
  if (done) parts.stop.changed().notify();
}

}  // namespace dynamirror::jobs
