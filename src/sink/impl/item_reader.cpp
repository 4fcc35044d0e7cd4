// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/item_reader.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "async/rate_limiter.hpp"
#include "async/retry.hpp"
#include "async/semaphore.hpp"
#include "async/signal.hpp"
#include "async/sleep.hpp"

namespace dynamirror::sink {
namespace {

/// What is not read by then is the pipeline's to try again: others should not wait for a hot partition.
constexpr async::RetryPolicy kReading{
    .max_attempts = 5,
    .backoff = {.base = std::chrono::milliseconds(25), .cap = std::chrono::milliseconds(1'000)},
    .give_up_after = std::nullopt,
    .worth_another = async::is_throttled};  // the client has been patient with all else

constexpr double kBucketSeconds = 0.5;  // the other half second is for items dearer than expected
constexpr double kShareSeconds = 0.1;
constexpr double kBytesAtOnce = 2u << 20;
constexpr Duration kLongestSleep = std::chrono::milliseconds(50);

using Indexes = std::vector<std::size_t>;

Error left_unprocessed(const std::string& table) {
  return Error{.error_class = ErrorClass::kThrottled,
               .doing = "read items",
               .resource = table,
               .code = "UnprocessedKeys",
               .message = "the service has left this key of a batch for later",
               .not_applied = true};
}

/// A mean that rises at once to what was seen, and falls slowly.
void learn(double& mean, double seen) { mean = seen > mean ? seen : mean * 0.95 + seen * 0.05; }

}  // namespace

struct ItemReader::Impl {
  Impl(Options options_in, aws::DynamoDbClient& client_in, const Clock& clock_in, Random& random_in)
      : options(std::move(options_in)),
        client(client_in),
        clock(clock_in),
        random(random_in),
        table(client.resource(options.table)) {
    if (!options.max_read_units) return;
    assert(*options.max_read_units > 0);
    bucket.emplace(*options.max_read_units, *options.max_read_units * kBucketSeconds, clock.steady_now());
  }

  /// Waits for the units of one request, first come, first served. While nobody knows what an item costs, one request
  /// at a time finds out.
  async::Task<double> reserve(std::size_t keys) {
    if (!bucket) co_return 0;
    const async::Semaphore::Permit permit = co_await turn.acquire();
    while (!cost_known && under_way > 0) co_await ended.wait();
    double units = units_per_key * static_cast<double>(keys);
    while (true) {  // ends when the bucket has filled, at its rate
      const Duration delay = bucket->delay_for(units, clock.steady_now());
      if (delay <= Duration::zero()) break;
      co_await async::sleep_for(std::min(delay, kLongestSleep));
      units = units_per_key * static_cast<double>(keys);
    }
    bucket->reserve(units, clock.steady_now());
    co_return units;
  }

  async::Task<Result<aws::BatchGetAnswer>> ask(std::vector<std::string_view> keys, SteadyTime not_after) {
    const double reserved = co_await reserve(keys.size());
    ++statistics.requests;
    ++under_way;
    const aws::GetItemOptions how{.consistent = true, .not_after = not_after};
    auto answer = co_await client.batch_get(options.table, options.key, keys, how);
    --under_way;
    if (answer) note(*answer, reserved);
    if (!answer && answer.error().error_class == ErrorClass::kThrottled) ++statistics.throttled;
    if (!answer && answer.error().not_applied && bucket) bucket->settle(reserved, 0);
    ended.notify();
    co_return answer;
  }

  void note(const aws::BatchGetAnswer& answer, double reserved) {
    statistics.consumed_units += answer.consumed_units;
    statistics.unprocessed += answer.unprocessed.size();
    const std::size_t read = answer.items.size() - answer.unprocessed.size();
    // Some services that speak this API never say what they consumed: then the estimate must do.
    const bool untold = answer.consumed_units == 0 && read > 0;
    if (bucket) bucket->settle(reserved, untold ? reserved : answer.consumed_units);
    if (read == 0) return;
    double bytes = 0;
    for (const auto& item : answer.items) bytes += item ? static_cast<double>(item->size()) : 0;
    learn(bytes_per_key, bytes / static_cast<double>(read));
    if (untold) return;
    learn(units_per_key, answer.consumed_units / static_cast<double>(read));
    cost_known = true;
  }

  Options options;
  aws::DynamoDbClient& client;
  const Clock& clock;
  Random& random;
  std::string table;
  std::optional<async::RateLimiter> bucket;
  async::Semaphore turn{1};
  async::Signal ended;
  std::size_t under_way = 0;
  bool cost_known = false;
  double units_per_key = 1;
  double bytes_per_key = 0;
  Statistics statistics;
};

ItemReader::ItemReader(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random)
    : impl_(std::make_unique<Impl>(std::move(options), client, clock, random)) {}
ItemReader::~ItemReader() = default;

std::size_t ItemReader::keys_at_once() const {
  double keys = static_cast<double>(aws::kMaxBatchGet);
  if (impl_->bytes_per_key > 0) keys = std::min(keys, kBytesAtOnce / impl_->bytes_per_key);
  if (impl_->options.max_read_units) {
    keys = std::min(keys, *impl_->options.max_read_units * kShareSeconds / impl_->units_per_key);
  }
  return std::max<std::size_t>(1, static_cast<std::size_t>(keys));
}

const ItemReader::Statistics& ItemReader::statistics() const { return impl_->statistics; }
std::string ItemReader::describe() const { return impl_->table; }

async::Task<Result<std::vector<ItemReader::Item>>> ItemReader::read(std::vector<std::string_view> keys,
                                                                    SteadyTime not_after) {
  std::vector<Item> items(keys.size());
  Indexes all(keys.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Indexes> left{std::move(all)};
  async::Retry retry(kReading, impl_->clock, impl_->random, {.budget = nullptr, .not_after = not_after});
  const auto give_up = [&items](const Indexes& asked, const Error& error) {
    for (const std::size_t i : asked) items[i] = std::unexpected(error);
  };
  while (!left.empty()) {  // each turn settles a key, cuts a batch or takes one of the attempts
    Indexes asked = std::move(left.back());
    left.pop_back();
    if (asked.empty()) continue;
    if (const std::size_t most = keys_at_once(); asked.size() > most) {
      left.emplace_back(asked.begin() + static_cast<std::ptrdiff_t>(most), asked.end());
      asked.resize(most);
    }
    std::vector<std::string_view> batch;
    for (const std::size_t i : asked) batch.push_back(keys[i]);
    auto answer = co_await impl_->ask(std::move(batch), not_after);
    if (answer) {
      Indexes unprocessed;
      for (const std::size_t i : answer->unprocessed) unprocessed.push_back(asked[i]);
      if (unprocessed.size() < asked.size()) retry.succeeded();
      for (std::size_t i = 0; i < asked.size(); ++i) items[asked[i]] = std::move(answer->items[i]);
      if (unprocessed.empty()) continue;
      const bool again = co_await retry.again();
      if (!again) give_up(unprocessed, left_unprocessed(impl_->table));
      if (again) left.push_back(std::move(unprocessed));
    } else if (answer.error().error_class == ErrorClass::kInvalid && asked.size() > 1) {
      const auto middle = asked.begin() + static_cast<std::ptrdiff_t>(asked.size() / 2);
      left.emplace_back(middle, asked.end());
      left.emplace_back(asked.begin(), middle);
    } else if (answer.error().error_class == ErrorClass::kInvalid) {
      give_up(asked, answer.error());
    } else if (!answer.error().retryable()) {
      co_return std::unexpected(std::move(answer.error()));
    } else {
      const bool again = co_await retry.again(answer.error());
      if (!again) give_up(asked, answer.error());
      if (again) left.push_back(std::move(asked));
    }
  }
  co_return items;
}

}  // namespace dynamirror::sink
