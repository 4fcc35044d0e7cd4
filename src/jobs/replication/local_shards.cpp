// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/local_shards.hpp"

#include <utility>

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

LocalShards::LocalShards(const source::ChangeStream& stream, state::CheckpointStore& store, const Clock& clock,
                         Random& random, const ReplicateOptions& options)
    : stream_(stream),
      clock_(clock),
      random_(random),
      options_(options),
      ledger_({.arn = stream.arn(), .retention = stream.retention(), .beginning = stream.beginning()}, store, clock,
              {.start = options.start, .on_trim = options.on_trim}),
      lister_(stream, random, {}),
      listing_(clock.steady_now()) {}

void LocalShards::start(Reading& reading, async::TaskGroup& finding) {
  reading_ = &reading;
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
  if (auto noted = ledger_.listed(found->shards, found->complete, found->stream_enabled); !noted) {
    fail(Reason::kState, std::move(noted.error()));
    co_return false;
  }
  start_readable();
  if (found->complete && ledger_.over() && !options_.stop_when_caught_up) {
    fail(Reason::kNotReady, stream_turned_off(stream_.arn()));
  }
  co_return found->complete;
}

void LocalShards::start_readable() {
  for (ordering::ShardGraph::Readable& readable : ledger_.take_readable()) reading_->start(std::move(readable));
}

async::Task<Status> LocalShards::retire(ShardId shard, source::ChangeStream::Loss lost) {
  auto durable = ledger_.retire(shard, lost);
  if (!durable) co_return durable;
  list_now_.notify();
  start_readable();
  co_return durable;
}

async::Task<Status> LocalShards::close(std::span<const SafeShard> shards, std::span<const ShardId>) {
  co_return ledger_.close(shards);
}

std::optional<Error> LocalShards::stalled(SteadyTime now, Duration limit) {
  if (listing_rests_) listing_.moved(now);
  if (!listing_.stalled(now, limit)) return std::nullopt;
  return nothing_moves("list shards of", stream_.arn().str(), limit, lister_.last_trouble());
}

}  // namespace dynamirror::jobs
