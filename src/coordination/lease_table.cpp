// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_table.hpp"

#include <algorithm>
#include <utility>

#include "aws/paging.hpp"
#include "coordination/lease_rules.hpp"

namespace dynamirror::coordination {
namespace {

/// 10 GB of leases: what has more is another kind of table, and reading on would only cost.
constexpr int kMaxPages = 10'000;

}  // namespace

/// Of one call that is throttled.
async::Retry LeaseTable::retry(SteadyTime end) const {
  const async::RetryPolicy policy{.max_attempts = async::RetryPolicy::kUnlimited,
                                  .backoff = options_.backoff,
                                  .give_up_after = std::nullopt,
                                  .worth_another = async::is_throttled};
  return {policy, clock_, random_, {.not_after = end}};
}

async::Task<Result<LeaseTable::Prepared>> LeaseTable::prepare(PrepareOptions options, aws::CreateTableSpec spec,
                                                              std::string_view (*other_kind)(const model::KeySchema&)) {
  Prepared prepared = Prepared::kFound;
  spec.name = options_.table;
  const std::string key = model::describe(spec.key);
  auto table = co_await client_.describe_table(options_.table);
  if (!table && table.error().error_class == ErrorClass::kNotFound) {
    if (!options.create) {
      Error error = std::move(table.error());
      error.message += "; make it with the key " + key + ", or let it be made";
      co_return std::unexpected(std::move(error));
    }
    table = co_await client_.ensure_table(spec, options.wait);
    prepared = Prepared::kCreated;
  }
  if (!table) co_return std::unexpected(std::move(table.error()));
  if (table->key != spec.key) {
    const std::string_view kind = other_kind(table->key);
    std::string message(kind.empty() ? "is no lease table" : kind);
    message += " (its key is " + model::describe(table->key) + ", not " + key + "); choose another lease table";
    co_return failure(ErrorClass::kInvalid, "open lease table", describe(), std::move(message));
  }
  if (!table->usable()) table = co_await client_.wait_until_usable(options_.table, options.wait);
  if (!table) co_return std::unexpected(std::move(table.error()));
  co_return prepared;
}

async::Task<Result<aws::ScanPage>> LeaseTable::read_page(aws::ScanOptions options) {
  options.not_after = clock_.steady_now() + options_.give_up_after;
  async::Retry pace = retry(options.not_after);
  while (true) {  // until `not_after`
    ++statistics_.requests;
    auto page = co_await client_.scan(options_.table, options);
    if (page) {
      statistics_.read_units += page->consumed_units();
      co_return page;
    }
    const bool again = co_await pace.again(page.error());
    if (!again) co_return std::unexpected(std::move(page.error()));
  }
}

async::Task<Status> LeaseTable::scan(LeaseShare share, FunctionRef<void(std::string_view)> take) {
  std::string last_key;
  aws::Paging paging;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    const aws::ScanOptions options{.segment = share.share, .segments = share.shares, .start_key_json = last_key};
    auto page = co_await read_page(options);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (std::size_t i = 0; i < page->size(); ++i) take(page->item(i));
    last_key = page->last_key_json();
    auto turned = paging.turn(last_key, page->size(), describe());
    if (!turned) co_return std::unexpected(std::move(turned.error()));
    if (last_key.empty()) co_return Status{};
  }
  co_return failure(ErrorClass::kInvalid, "scan leases", describe(), "holds more than leases; choose another table");
}

async::Task<Result<std::optional<std::string>>> LeaseTable::get(TableName table, std::string key_json) {
  const aws::GetItemOptions options{.consistent = true, .not_after = clock_.steady_now() + options_.give_up_after};
  ++statistics_.requests;
  auto answer = co_await client_.get_item(table, key_json, options);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  statistics_.read_units += answer->consumed_units;
  co_return std::move(answer->item);
}

async::Task<Result<aws::WriteAnswer>> LeaseTable::send(const LeaseRequest& request, SteadyTime not_after) {
  const aws::WriteOptions options{.update_expression = request.update_expression,
                                  .condition_expression = request.condition_expression,
                                  .expression_names_json = request.names_json,
                                  .expression_values_json = request.values_json,
                                  .not_after = not_after};
  switch (request.operation) {
    case LeaseRequest::Operation::kPut:
      co_return co_await client_.put_item(options_.table, request.item_json, options);
    case LeaseRequest::Operation::kDelete:
      co_return co_await client_.delete_item(options_.table, request.item_json, options);
    case LeaseRequest::Operation::kUpdate:
      break;
  }
  co_return co_await client_.update_item(options_.table, request.item_json, options);
}

async::Task<Result<LeaseStore::Outcome>> LeaseTable::write(LeaseRequest request, std::string key,
                                                           SteadyTime not_after) {
  using Outcome = LeaseStore::Outcome;
  const SteadyTime end = std::min(not_after, clock_.steady_now() + options_.give_up_after);
  async::Retry pace = retry(end);
  while (true) {  // until the end
    if (clock_.steady_now() >= not_after) co_return std::unexpected(too_late_to_write(key, describe()));
    ++statistics_.requests;
    auto answer = co_await send(request, end);
    if (answer) {
      statistics_.write_units += answer->consumed_units;
      co_return Outcome::kDone;
    }
    if (answer.error().code == "ConditionalCheckFailedException") {
      statistics_.write_units += 1;
      co_return Outcome::kConflict;
    }
    bool again = answer.error().not_applied;
    if (again) again = co_await pace.again(answer.error());
    if (!again) co_return std::unexpected(std::move(answer.error()));
  }
}

}  // namespace dynamirror::coordination
