// SPDX-License-Identifier: Apache-2.0
#include "coordination/dynamodb_lease_store.hpp"

#include <algorithm>
#include <utility>

#include "async/sleep.hpp"
#include "aws/paging.hpp"
#include "coordination/lease_rules.hpp"

namespace dynamirror::coordination {
namespace {

/// 10 GB of leases: what has more is another kind of table, and reading on would only cost.
constexpr int kMaxPages = 10'000;

const model::KeySchema& lease_key_schema() {
  static const model::KeySchema schema{{"leaseKey", "S"}, {}};
  return schema;
}

/// Why a table with another key cannot hold leases.
std::string reason_against(const model::KeySchema& key) {
  const bool of_node = key.hash.name == "type" && key.range && key.range->name == "id";
  return std::string(of_node ? "is a table of the KCL for node.js" : "is no lease table") + " (its key is " +
         model::describe(key) + ", not leaseKey (S)); choose another lease table";
}

}  // namespace

/// Of one call that is throttled.
async::Retry DynamoDbLeaseStore::retry(SteadyTime end) const {
  const async::RetryPolicy policy{.max_attempts = async::RetryPolicy::kUnlimited,
                                  .backoff = options_.backoff,
                                  .give_up_after = std::nullopt,
                                  .worth_another = async::is_throttled};
  return {policy, clock_, random_, {.not_after = end}};
}

async::Task<Result<aws::TableDescription>> DynamoDbLeaseStore::create(aws::WaitOptions wait) {
  aws::CreateTableSpec spec;
  spec.name = options_.table;
  spec.key = lease_key_schema();
  spec.attributes = {{"leaseKey", "S"}};
  co_return co_await client_.ensure_table(spec, wait);
}

async::Task<Result<DynamoDbLeaseStore::Prepared>> DynamoDbLeaseStore::prepare(PrepareOptions options) {
  Prepared prepared = Prepared::kFound;
  auto table = co_await client_.describe_table(options_.table);
  if (!table && table.error().error_class == ErrorClass::kNotFound) {
    if (!options.create) {
      Error error = std::move(table.error());
      error.message += "; make it with the key leaseKey (S), or let it be made";
      co_return std::unexpected(std::move(error));
    }
    table = co_await create(options.wait);
    prepared = Prepared::kCreated;
  }
  if (!table) co_return std::unexpected(std::move(table.error()));
  if (table->key != lease_key_schema()) {
    co_return failure(ErrorClass::kInvalid, "open lease table", describe(), reason_against(table->key));
  }
  if (!table->usable()) table = co_await client_.wait_until_usable(options_.table, options.wait);
  if (!table) co_return std::unexpected(std::move(table.error()));
  co_return prepared;
}

async::Task<Result<FleetVersion>> DynamoDbLeaseStore::version_in(TableName table, std::string key_json) {
  auto row = co_await get(table, std::move(key_json));
  if (!row) co_return std::unexpected(std::move(row.error()));
  if (!*row) co_return FleetVersion::kTakers;
  auto text = read_client_version(**row, reader_);
  auto version = !text    ? Result<FleetVersion>(std::unexpected(std::move(text.error())))
                 : !*text ? FleetVersion::kTakers
                          : parse_client_version(**text);
  if (!version) version.error().resource = client_.resource(table);
  co_return version;
}

async::Task<Result<FleetVersion>> DynamoDbLeaseStore::fleet_version() {
  const std::string key = R"({"key":{"S":")" + std::string(kFleetVersionKey) + R"("}})";
  const TableName coordinator(options_.table.str() + "-CoordinatorState");
  auto version = co_await version_in(coordinator, key);
  if (!version && version.error().error_class == ErrorClass::kDenied) {
    version.error().message += "; allow dynamodb:GetItem on it: KCL 3.x would keep there who may take leases";
  }
  if (!version && version.error().error_class == ErrorClass::kNotFound) version = FleetVersion::kTakers;
  if (!version || *version == FleetVersion::kAssigned) co_return version;
  co_return co_await version_in(options_.table, lease_key_json(kFleetVersionKey));
}

async::Task<Result<aws::ScanPage>> DynamoDbLeaseStore::read_page(aws::ScanOptions options) {
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

async::Task<Result<LeaseRows>> DynamoDbLeaseStore::scan(LeaseShare share) {
  LeaseRows rows;
  std::string last_key;
  aws::Paging paging;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    const aws::ScanOptions options{.segment = share.share, .segments = share.shares, .start_key_json = last_key};
    auto page = co_await read_page(options);
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (std::size_t i = 0; i < page->size(); ++i) {
      if (auto lease = parse_lease_row(page->item(i), reader_)) {
        rows.leases.push_back(std::move(*lease));
      } else {
        ++rows.foreign;
      }
    }
    last_key = page->last_key_json();
    if (auto turned = paging.turn(last_key, page->size(), describe()); !turned) {
      co_return std::unexpected(std::move(turned.error()));
    }
    if (last_key.empty()) co_return rows;
  }
  co_return failure(ErrorClass::kInvalid, "scan leases", describe(), "holds more than leases; choose another table");
}

async::Task<Result<std::optional<std::string>>> DynamoDbLeaseStore::get(TableName table, std::string key_json) {
  const aws::GetItemOptions options{.consistent = true, .not_after = clock_.steady_now() + options_.give_up_after};
  ++statistics_.requests;
  auto answer = co_await client_.get_item(table, key_json, options);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  statistics_.read_units += answer->consumed_units;
  co_return std::move(answer->item);
}

async::Task<Result<std::optional<Lease>>> DynamoDbLeaseStore::get(std::string key) {
  auto row = co_await get(options_.table, lease_key_json(key));
  if (!row) co_return std::unexpected(std::move(row.error()));
  if (!*row) co_return std::nullopt;
  auto lease = parse_lease_row(**row, reader_);
  if (!lease) co_return failure(ErrorClass::kInvalid, "read lease " + key, describe(), "the row is no lease");
  co_return lease;
}

async::Task<Result<aws::WriteAnswer>> DynamoDbLeaseStore::send(const LeaseRequest& request, SteadyTime not_after) {
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

async::Task<Result<LeaseStore::Outcome>> DynamoDbLeaseStore::write(LeaseWrite write, SteadyTime not_after) {
  const LeaseRequest request = lease_request(write);
  const SteadyTime end = std::min(not_after, clock_.steady_now() + options_.give_up_after);
  async::Retry pace = retry(end);
  while (true) {  // until the end
    if (clock_.steady_now() >= not_after) co_return std::unexpected(too_late_to_write(write.key, describe()));
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
