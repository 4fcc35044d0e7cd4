// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/local_shards.hpp"

#include <utility>

#include "async/disk_thread.hpp"
#include "async/retry.hpp"
#include "jobs/replication/trim.hpp"
#include "pipeline/pipeline.hpp"

namespace dynamirror::jobs {
namespace {

/// Whoever waits for the listing watches the time.
constexpr async::RetryPolicy kListing{.max_attempts = async::RetryPolicy::kUnlimited,
                                      .backoff = {.base = std::chrono::milliseconds(500),
                                                  .cap = std::chrono::milliseconds(10'000),
                                                  .least = std::chrono::milliseconds(100)},
                                      .give_up_after = std::nullopt};

}  // namespace

LocalShards::LocalShards(const Parts& parts, const ReplicateOptions& options, boost::asio::any_io_executor executor)
    : stream_(parts.stream),
      store_(parts.store),
      clock_(parts.clock),
      random_(parts.random),
      options_(options),
      ledger_({.arn = stream_.arn(), .retention = stream_.retention(), .beginning = stream_.beginning()}, clock_,
              {.start = options.start, .on_trim = options.on_trim}),
      lister_(stream_, random_, {}),
      listing_(clock_.steady_now()),
      saving_(std::move(executor)) {}

void LocalShards::start(Reading& reading, async::TaskGroup& finding) {
  reading_ = &reading;
  saving_.spawn(keep_saving());
  finding.spawn(discover());
}

void LocalShards::fail(Reason reason, Error error) {
  failed_ = true;
  reading_->fail({reason, std::move(error)});
}

async::Task<> LocalShards::discover() {
  async::Retry retry(kListing, random_);
  while (true) {
    const bool complete = co_await refresh();
    if (failed_) co_return;
    if (complete && !ledger_.wants_listing()) {
      retry.succeeded();
      listing_rests_ = true;
      co_await list_now_.wait_for(options_.list_shards_interval);
      listing_rests_ = false;
      listing_.moved(clock_.steady_now());
    } else {
      (void)co_await retry.again();
    }
  }
}

/// One listing, with everything that follows from it.
async::Task<bool> LocalShards::refresh() {
  const auto turn = co_await listing_turn_.acquire();
  ledger_.listing_begins();
  auto found = co_await lister_.list();
  if (!found) {
    fail(reason_for(found.error()), std::move(found.error()));
    co_return false;
  }
  // A page is progress, too: a long listing under throttling takes many attempts.
  if (found->complete || !found->shards.empty()) listing_.moved(clock_.steady_now());
  ledger_.listed(found->shards, found->complete, found->stream_enabled);
  to_save_.notify();
  start_readable();
  if (found->complete && ledger_.over() && !options_.stop_when_caught_up) {
    fail(Reason::kNotReady, stream_turned_off(stream_.arn()));
  }
  co_return found->complete;
}

void LocalShards::start_readable() {
  for (ordering::ShardGraph::Readable& readable : ledger_.take_readable()) reading_->start(std::move(readable));
}

// ---- saving

void LocalShards::save(std::span<const SafeShard> shards) {
  ledger_.save(shards);
  to_save_.notify();
}

void LocalShards::keep_time(std::span<const ReadUntil> shards) {
  ledger_.keep_time(shards);
  to_save_.notify();
}

async::Task<Status> LocalShards::retire(ShardId shard, source::ChangeStream::Loss lost) {
  ledger_.retire(shard, lost);
  to_save_.notify();
  while (ledger_.retiring(shard)) {
    co_await saved_.wait();
    if (!last_save_) co_return last_save_;
  }
  list_now_.notify();
  co_return Status{};
}

/// One save at a time; what is said meanwhile is saved together, by the next one.
async::Task<> LocalShards::keep_saving() {
  while (true) {  // until cancelled, which is when nothing is being saved
    const auto save = ledger_.begin_save();
    if (!save) {
      co_await to_save_.wait();
      continue;
    }
    const auto carry_out = [this, save] { return ShardLedger::carry_out(*save, store_); };
    last_save_ = co_await async::on_disk_thread(carry_out);
    ledger_.save_ended(last_save_.has_value());
    saved_.notify();
    if (last_save_) {
      start_readable();
    } else {
      fail(Reason::kState, last_save_.error());
      co_await to_save_.wait();
    }
  }
}

/// Errors: that of the first save that fails from now on.
async::Task<Status> LocalShards::save_all() {
  to_save_.notify();
  while (!ledger_.all_saved()) {
    co_await saved_.wait();
    if (!last_save_) co_return last_save_;
  }
  co_return Status{};
}

async::Task<Status> LocalShards::close(std::span<const SafeShard> shards, std::span<const ShardId>) {
  ledger_.save(shards);
  Status saved = co_await save_all();
  if (saved) {
    ledger_.close();
    saved = co_await save_all();
  }
  saving_.cancel();
  co_await saving_.join();
  co_return saved;
}

std::optional<Error> LocalShards::stalled(SteadyTime now, Duration limit) {
  if (listing_rests_) listing_.moved(now);
  if (!listing_.stalled(now, limit)) return std::nullopt;
  return nothing_moves("list shards of", stream_.arn().str(), limit, lister_.last_trouble());
}

}  // namespace dynamirror::jobs
