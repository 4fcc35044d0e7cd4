// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/stream_position.hpp"

#include <utility>

#include "async/retry.hpp"
#include "source/shard_lister.hpp"
#include "source/shard_reader.hpp"

namespace dynamirror::jobs {
namespace {

/// Of one shard: a hundred thousand records. What is not passed over here is applied twice, no more.
constexpr int kMaxPages = 100;
constexpr std::chrono::milliseconds kIdlePoll{50};
/// The listing goes on where it stopped, until a stop is requested.
constexpr async::RetryPolicy kListing{.max_attempts = async::RetryPolicy::kUnlimited,
                                      .backoff = {.base = std::chrono::milliseconds(250),
                                                  .cap = std::chrono::milliseconds(250),
                                                  .least = std::chrono::milliseconds(375)},
                                      .give_up_after = std::nullopt};

Status check_stop(const PositionParts& parts) {
  return parts.stop.check("find the position of", parts.stream.arn().str());
}

async::Task<Result<std::vector<model::Shard>>> list_shards(PositionParts parts) {
  source::ShardLister lister(parts.stream, parts.random, {});
  async::Retry retry(kListing, parts.random);
  std::vector<model::Shard> shards;
  while (true) {  // until the listing is complete or a stop is requested
    if (auto going = check_stop(parts); !going) co_return std::unexpected(std::move(going.error()));
    auto found = co_await lister.list();
    if (!found) co_return std::unexpected(std::move(found.error()));
    shards.insert(shards.end(), found->shards.begin(), found->shards.end());
    if (found->complete) co_return shards;
    (void)co_await retry.again();
  }
}

/// Reads on while there are records.
async::Task<Result<model::Checkpoint>> find_tip(PositionParts parts, source::ReadSlots& slots, ShardId shard) {
  const source::ShardReader::Context context{parts.stream, slots, parts.clock, parts.random};
  source::ShardReader reader(context, shard, model::TrimHorizon{}, {.idle_poll = kIdlePoll});
  model::Checkpoint reached = model::TrimHorizon{};
  for (int page_number = 0; page_number < kMaxPages; ++page_number) {
    if (auto going = check_stop(parts); !going) co_return std::unexpected(std::move(going.error()));
    auto page = co_await reader.next();
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (!page->changes.empty()) reached = model::AfterSequence{page->changes.back().sequence()};
    if (page->shard_ended) co_return model::Checkpoint(model::ShardEnd{});
    if (page->changes.empty()) break;
  }
  co_return reached;
}

}  // namespace

async::Task<Result<std::vector<model::ShardCheckpoint>>> find_stream_position(PositionParts parts) {
  const auto shards = co_await list_shards(parts);
  if (!shards) co_return std::unexpected(shards.error());
  source::ReadSlots slots;
  std::vector<model::ShardCheckpoint> rows;
  for (const model::Shard& shard : *shards) {
    model::ShardCheckpoint row{.shard = shard.id, .parents = shard.parents, .checkpoint = model::ShardEnd{}};
    if (shard.open()) {
      auto tip = co_await find_tip(parts, slots, shard.id);
      if (!tip) co_return std::unexpected(std::move(tip.error()));
      row.checkpoint = std::move(*tip);
    }
    rows.push_back(std::move(row));
  }
  co_return rows;
}

}  // namespace dynamirror::jobs
