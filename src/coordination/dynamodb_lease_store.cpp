// SPDX-License-Identifier: Apache-2.0
#include "coordination/dynamodb_lease_store.hpp"

#include <utility>

namespace dynamirror::coordination {
namespace {

const model::KeySchema& lease_key_schema() {
  static const model::KeySchema schema{{"leaseKey", "S"}, {}};
  return schema;
}

/// What a table with another key is.
std::string_view other_kind(const model::KeySchema& key) {
  const bool of_node = key.hash.name == "type" && key.range && key.range->name == "id";
  return of_node ? "is a table of the KCL for node.js" : "";
}

}  // namespace

async::Task<Result<DynamoDbLeaseStore::Prepared>> DynamoDbLeaseStore::prepare(PrepareOptions options) {
  aws::CreateTableSpec spec;
  spec.key = lease_key_schema();
  spec.attributes = {{"leaseKey", "S"}};
  co_return co_await table_.prepare(options, std::move(spec), other_kind);
}

async::Task<Result<FleetVersion>> DynamoDbLeaseStore::version_in(TableName table, std::string key_json) {
  auto row = co_await table_.get(table, std::move(key_json));
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
  const TableName coordinator(table_.name().str() + "-CoordinatorState");
  auto version = co_await version_in(coordinator, key);
  if (!version && version.error().error_class == ErrorClass::kDenied) {
    version.error().message += "; allow dynamodb:GetItem on it: KCL 3.x would keep there who may take leases";
  }
  if (!version && version.error().error_class == ErrorClass::kNotFound) version = FleetVersion::kTakers;
  if (!version || *version == FleetVersion::kAssigned) co_return version;
  co_return co_await version_in(table_.name(), lease_key_json(kFleetVersionKey));
}

async::Task<Result<LeaseRows>> DynamoDbLeaseStore::scan(LeaseShare share) {
  LeaseRows rows;
  const auto take = [&](std::string_view item) {
    if (auto lease = parse_lease_row(item, reader_)) {
      rows.leases.push_back(std::move(*lease));
    } else {
      ++rows.foreign;
    }
  };
  auto read = co_await table_.scan(share, take);
  if (!read) co_return std::unexpected(std::move(read.error()));
  co_return rows;
}

async::Task<Result<std::optional<Lease>>> DynamoDbLeaseStore::get(std::string key) {
  auto row = co_await table_.get(table_.name(), lease_key_json(key));
  if (!row) co_return std::unexpected(std::move(row.error()));
  if (!*row) co_return std::nullopt;
  auto lease = parse_lease_row(**row, reader_);
  if (!lease) co_return failure(ErrorClass::kInvalid, "read lease " + key, describe(), "the row is no lease");
  co_return lease;
}

async::Task<Result<LeaseStore::Outcome>> DynamoDbLeaseStore::write(LeaseWrite write, SteadyTime not_after) {
  LeaseRequest request = lease_request(write);
  co_return co_await table_.write(std::move(request), std::move(write.key), not_after);
}

}  // namespace dynamirror::coordination
