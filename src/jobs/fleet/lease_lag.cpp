// SPDX-License-Identifier: Apache-2.0
#include "jobs/fleet/lease_lag.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "async/retry.hpp"
#include "jobs/segments/diff_parallel.hpp"
#include "model/checkpoint.hpp"

namespace dynamirror::jobs {
namespace {

using Kind = LeaseLag::Kind;

constexpr std::size_t kAtOnce = 8;
/// An answer without records is normal in mid-shard, too.
constexpr int kEmptyAnswers = 4;
constexpr async::RetryPolicy kReading{.max_attempts = 4,
                                      .backoff = {.base = std::chrono::milliseconds(300),
                                                  .cap = std::chrono::milliseconds(1'200),
                                                  .least = std::chrono::milliseconds(300)},
                                      .give_up_after = std::nullopt};

/// With several streams in one table, the shard's name comes last.
ShardId shard_of(const std::string& key) {
  const auto colon = key.rfind(':');
  return ShardId(colon == std::string::npos ? key : key.substr(colon + 1));
}

LeaseLag lag_of(const source::ChangeStream& stream, const Error& error) {
  switch (stream.loss(error)) {
    case source::ChangeStream::Loss::kRecords:
      return {.kind = Kind::kTrimmed};
    case source::ChangeStream::Loss::kShard:
      return {.kind = Kind::kGone};
    case source::ChangeStream::Loss::kNone:
      break;
  }
  return {.kind = Kind::kUnknown, .why = to_line(error)};
}

async::Task<LeaseLag> read_lag(LagParts parts, ShardId shard, model::Checkpoint from) {
  const source::ChangeStream& stream = parts.stream;
  const auto find = [&] { return stream.iterator(shard, from); };
  auto iterator = co_await async::retried(async::Retry(kReading, parts.random), find);
  if (!iterator) co_return lag_of(stream, iterator.error());
  std::string next = std::move(*iterator);
  bool behind = false;
  for (int answers = 0; answers < kEmptyAnswers; ++answers) {
    const source::ChangeStream::Read what{.iterator = next, .limit = 1, .shard = shard};
    const auto read = [&] { return stream.read(what); };
    auto page = co_await async::retried(async::Retry(kReading, parts.random), read);
    if (!page) co_return lag_of(stream, page.error());
    if (!page->changes.empty() || !page->unreadable.empty()) {
      const bool readable = !page->changes.empty();
      const WallTime since = readable ? page->changes.front().created() : page->unreadable.front().arrived;
      const auto age = parts.clock.wall_now() - since;
      co_return LeaseLag{
          .kind = Kind::kBehind,
          .age = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(age), std::chrono::milliseconds(0))};
    }
    behind = page->behind && page->next_iterator;
    if (!page->next_iterator) break;  // closed, and nothing is left in it
    next = std::move(*page->next_iterator);
  }
  if (behind) co_return LeaseLag{.kind = Kind::kUnknown, .why = "records follow that a few reads do not reach"};
  co_return LeaseLag{.kind = Kind::kCaughtUp};
}

async::Task<Status> measure_lag(LagParts parts, LeaseLine& line) {
  if (line.lease.done()) co_return Status{};
  auto from = model::parse_checkpoint(line.lease.checkpoint);
  if (!from) {
    line.lag = LeaseLag{.kind = Kind::kUnknown, .why = "its checkpoint is no shard's"};
  } else if (std::holds_alternative<model::Latest>(*from)) {
    line.lag = LeaseLag{.kind = Kind::kUnknown, .why = "LATEST says nothing of what was before"};
  } else {
    line.lag = co_await read_lag(parts, shard_of(line.lease.key), std::move(*from));
  }
  co_return Status{};
}

}  // namespace

async::Task<> measure_lags(LagParts parts, LeaseReport& report) {
  const std::function<async::Task<Status>(std::size_t)> each = [&](std::size_t i) {
    return measure_lag(parts, report.leases[i]);
  };
  (void)co_await for_each_in_parallel(report.leases.size(), kAtOnce, each);
}

}  // namespace dynamirror::jobs
