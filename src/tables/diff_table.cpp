// SPDX-License-Identifier: Apache-2.0
#include "tables/diff_table.hpp"

#include <algorithm>
#include <utility>

#include "async/retry.hpp"
#include "async/sleep.hpp"
#include "aws/errors.hpp"

namespace dynamirror::jobs {
namespace {

constexpr async::RetryPolicy kReading{
    .max_attempts = 10,
    .backoff = {.base = std::chrono::milliseconds(50), .cap = std::chrono::milliseconds(5'000)},
    .give_up_after = std::nullopt};

/// Only what has surely not been written is written again; of all else the caller looks at the item again.
constexpr async::RetryPolicy kWriting{.max_attempts = kReading.max_attempts,
                                      .backoff = kReading.backoff,
                                      .give_up_after = std::nullopt,
                                      .worth_another = async::is_safe_to_repeat};

/// A bucket of half a second: over any time t at most rate · (t + 0.5 s).
std::optional<async::RateLimiter> make_budget(std::optional<double> rate, const Clock& clock) {
  if (!rate) return std::nullopt;
  return async::RateLimiter(*rate, std::max(1.0, *rate / 2), clock.steady_now());
}

/// What a write of so many bytes costs, without indexes. Source: Developer Guide, "Write request units".
double estimate(std::size_t bytes) {
  const std::size_t units = bytes / 1024 + 1;
  return static_cast<double>(units);
}

}  // namespace

std::unexpected<Error> unreadable_item(Error complaint, std::string_view key_json) {
  complaint.resource = key_json;
  return aws::unreadable_answer(std::move(complaint));
}

DiffTable::DiffTable(Options options, aws::DynamoDbClient& client, const Clock& clock, Random& random)
    : options_(std::move(options)),
      client_(client),
      clock_(clock),
      random_(random),
      reads_(make_budget(options_.max_read_units, clock)),
      writes_(make_budget(options_.max_write_units, clock)) {}

/// Who is asked to wait looks again: others may have been quicker. Ends because the budget refills.
async::Task<> DiffTable::reserve(Budget& budget, double units) {
  if (!budget) co_return;
  while (true) {
    const Duration delay = budget->delay_for(units, clock_.steady_now());
    if (delay <= Duration::zero()) break;
    co_await async::sleep_for(delay);
  }
  budget->reserve(units, clock_.steady_now());
}

async::Task<Result<std::optional<std::string>>> DiffTable::get(std::string key_json) {
  async::Retry retry(kReading, random_);
  const aws::GetItemOptions consistent{.consistent = true};
  while (true) {  // as often as kReading says
    co_await reserve(reads_, 1);
    auto answer = co_await client_.get_item(options_.table, key_json, consistent);
    if (answer) {
      statistics_.read_units += answer->consumed_units;
      if (reads_) reads_->settle(1, answer->consumed_units);
      co_return std::move(answer->item);
    }
    if (answer.error().error_class == ErrorClass::kThrottled) ++statistics_.throttled;
    const bool again = co_await retry.again(answer.error());
    if (!again) co_return std::unexpected(std::move(answer.error()));
  }
}

async::Task<Status> DiffTable::put(std::string item_json, aws::ItemCondition condition) {
  return write(Write::kPut, std::move(item_json), std::move(condition));
}

async::Task<Status> DiffTable::remove(std::string key_json, aws::ItemCondition condition) {
  return write(Write::kRemove, std::move(key_json), std::move(condition));
}

async::Task<Status> DiffTable::write(Write kind, std::string json, aws::ItemCondition condition) {
  async::Retry retry(kWriting, random_);
  const aws::WriteOptions options{.condition_expression = condition.expression,
                                  .expression_names_json = condition.names_json,
                                  .expression_values_json = condition.values_json};
  const double units = estimate(json.size());
  while (true) {  // as often as kWriting says
    co_await reserve(writes_, units);
    Result<aws::WriteAnswer> answer;
    if (kind == Write::kPut) {
      answer = co_await client_.put_item(options_.table, json, options);
    } else {
      answer = co_await client_.delete_item(options_.table, json, options);
    }
    if (answer) {
      statistics_.write_units += answer->consumed_units;
      if (writes_) writes_->settle(units, answer->consumed_units);
      co_return Status{};
    }
    if (answer.error().error_class == ErrorClass::kThrottled) ++statistics_.throttled;
    const bool again = co_await retry.again(answer.error());
    if (!again) co_return std::unexpected(std::move(answer.error()));
  }
}

}  // namespace dynamirror::jobs
