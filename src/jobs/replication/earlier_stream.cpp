// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/earlier_stream.hpp"

#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include "async/retry.hpp"
#include "model/checkpoint.hpp"

namespace dynamirror::jobs {
namespace {

using ShardsById = std::unordered_map<std::string, const model::Shard*>;

constexpr async::RetryPolicy kReading{.max_attempts = 4,
                                      .backoff = {.base = std::chrono::milliseconds(300),
                                                  .cap = std::chrono::milliseconds(1'200),
                                                  .least = std::chrono::milliseconds(300)},
                                      .give_up_after = std::nullopt};

ShardsById shards_of_kinesis(std::span<const model::Shard> shards) {
  ShardsById by_id;
  for (const model::Shard& shard : shards) {
    if (shard.hash_keys) by_id.emplace(shard.id.str(), &shard);
  }
  return by_id;
}

}  // namespace

std::optional<std::string> checkpoint_before_its_shard(std::span<const coordination::Lease> rows,
                                                       std::span<const model::Shard> shards) {
  const ShardsById by_id = shards_of_kinesis(shards);
  for (const coordination::Lease& row : rows) {
    const auto listed = by_id.find(row.key);
    if (listed == by_id.end() || !listed->second->first_sequence) continue;
    const auto checkpoint = model::parse_checkpoint(row.checkpoint);
    const auto* after = checkpoint ? std::get_if<model::AfterSequence>(&*checkpoint) : nullptr;
    if (after != nullptr && after->sequence < *listed->second->first_sequence) return row.key;
  }
  return std::nullopt;
}

std::vector<ShardId> finished_but_open(std::span<const coordination::Lease> rows,
                                       std::span<const model::Shard> shards) {
  const ShardsById by_id = shards_of_kinesis(shards);
  std::unordered_set<std::string> has_child;
  for (const model::Shard& shard : shards) {
    for (const ShardId& parent : shard.parents) has_child.insert(parent.str());
  }
  std::vector<ShardId> open;
  for (const coordination::Lease& row : rows) {
    const auto listed = by_id.find(row.key);
    if (!row.done() || listed == by_id.end() || !listed->second->open() || has_child.contains(row.key)) continue;
    open.push_back(listed->second->id);
  }
  return open;
}

async::Task<bool> goes_on(const source::ChangeStream& stream, Random& random, ShardId shard) {
  const model::Checkpoint tip = model::Latest{};
  const auto find = [&] { return stream.iterator(shard, tip); };
  auto iterator = co_await async::retried(async::Retry(kReading, random), find);
  if (!iterator) co_return false;
  const source::ChangeStream::Read what{.iterator = std::move(*iterator), .limit = 1, .shard = shard};
  const auto read = [&] { return stream.read(what); };
  const auto page = co_await async::retried(async::Retry(kReading, random), read);
  co_return page && page->next_iterator.has_value();
}

Error lease_of_earlier_stream(const std::string& lease_key, const std::string& lease_table) {
  return Error{.error_class = ErrorClass::kConflict,
               .doing = "go on from lease " + lease_key,
               .resource = lease_table,
               .code = {},
               .message =
                   "it is of an earlier stream of this name, which was deleted and made anew; what was changed between "
                   "the two may be in neither. Stop all workers, bring the tables in step (copy or compare and "
                   "repair), and remove the leases (`dynamirror leases reset TABLE --all --delete`) or name another "
                   "lease table"};
}

}  // namespace dynamirror::jobs
