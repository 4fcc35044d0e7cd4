// SPDX-License-Identifier: Apache-2.0
#include "service/leases.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "coordination/sqlite_lease_store.hpp"

namespace dynamirror::service {
namespace {

constexpr std::string_view kFile = "file:";

Error assigned_by_a_leader(const std::string& table) {
  return Error{.error_class = ErrorClass::kConflict,
               .doing = "take leases of",
               .resource = table,
               .code = {},
               .message =
                   "a leader of KCL 3.x assigns them (its client version is 3.x): two ways of sharing do not "
                   "go together. Stop that fleet, or give it KCL's 2.x-compatible client version, or use "
                   "another --lease-table"};
}

/// The table's side, with the source's identity unless the options name one.
Result<std::unique_ptr<jobs::TableSide>> open_table_side(Host& host, const LeaseOptions& options,
                                                         aws::TableAddress address, aws::SideOptions side) {
  side.region.clear();  // this table has a region of its own
  if (!options.role_arn.empty()) {
    side.role_arn = options.role_arn;
    side.external_id = options.external_id;
  }
  return host.open_side(std::move(address), side);
}

/// All shards of a stream. An error leaves it to the next attempt: the caller makes one.
async::Task<Result<std::vector<model::Shard>>> all_shards(const source::ChangeStream& stream) {
  constexpr int kMostPages = 1'000;
  std::vector<model::Shard> shards;
  std::optional<ShardId> after;
  for (int pages = 0; pages < kMostPages; ++pages) {
    auto page = co_await stream.list_shards(after);
    if (!page) co_return std::unexpected(std::move(page.error()));
    std::ranges::move(page->shards, std::back_inserter(shards));
    if (!page->last) break;
    after = std::move(page->last);
  }
  co_return shards;
}

Result<aws::TableAddress> address_of(Host& host, const LeaseOptions& options, const std::string& table,
                                     const aws::TableAddress& source) {
  if (!options.endpoint.empty()) {
    return host.address_of(options.endpoint + "/" + table, {.region = options.region});
  }
  aws::TableAddress address{.table = TableName(table), .region = source.region};
  if (options.region.empty() || options.region == source.region.str()) {
    address.endpoint = source.endpoint;
  } else {
    address.region = Region(options.region);
  }
  return address;
}

}  // namespace

async::Task<Status> Leases::check() const {
  if (dynamodb == nullptr) co_return Status{};
  const auto version = co_await dynamodb->fleet_version();
  if (!version) co_return std::unexpected(version.error());
  if (*version == coordination::FleetVersion::kAssigned) co_return std::unexpected(assigned_by_a_leader(table));
  co_return Status{};
}

coordination::CrossRegionTask task_of(const aws::TableAddress& source, const aws::TableAddress& target) {
  return {.source_region = source.region.str(),
          .source_table = source.table.str(),
          .target_region = target.region.str(),
          .target_table = target.table.str()};
}

Result<std::string> lease_table_name(const LeaseOptions& options, const coordination::CrossRegionTask& task) {
  if (!options.table.empty()) return options.table;
  return coordination::cross_region_lease_table(options.task, task);
}

std::chrono::milliseconds default_failover(const std::string& table) {
  return table.starts_with("DynamoDBCrossRegionReplication") ? kCrossRegionFailover : kFailover;
}

async::Task<Result<Leases>> open_leases(Host& host, LeaseOptions options, std::string table, aws::TableAddress source,
                                        aws::SideOptions source_side, std::string job) {
  Leases leases{.table = table, .side = {}, .store = {}, .worker = {}};
  leases.failover = options.failover.value_or(default_failover(table));
  leases.worker = {
      .worker_id = options.worker_id.empty() ? coordination::new_worker_id(host.random()) : options.worker_id,
      .failover = leases.failover,
      .max_leases = options.max_leases,
      .max_steals = options.steals_from_kcl ? 1u : 0u};
  if (table.starts_with(kFile)) {
    coordination::SqliteLeaseStore::Options file{.file = table.substr(kFile.size()), .job = std::move(job)};
    auto store = coordination::SqliteLeaseStore::open(std::move(file), host.clock(), host.random());
    if (!store) co_return std::unexpected(std::move(store.error()));
    leases.store = std::move(*store);
    co_return leases;
  }
  auto address = address_of(host, options, table, source);
  if (!address) co_return std::unexpected(std::move(address.error()));
  auto side = open_table_side(host, options, std::move(*address), std::move(source_side));
  if (!side) co_return std::unexpected(std::move(side.error()));
  leases.side = std::move(*side);
  // A write that is late is of no use: the pauses between attempts must fit between two renewals.
  coordination::DynamoDbLeaseStore::Options store_options{.table = TableName(table),
                                                          .give_up_after = leases.failover / 2};
  auto store = std::make_unique<coordination::DynamoDbLeaseStore>(leases.side->dynamodb(), std::move(store_options),
                                                                  host.clock(), host.random());
  const coordination::DynamoDbLeaseStore::PrepareOptions prepare{.create = true,
                                                                 .wait = {.pause = options.creation_poll}};
  const auto prepared = co_await store->prepare(prepare);
  if (!prepared) co_return std::unexpected(prepared.error());
  leases.dynamodb = store.get();
  leases.store = std::move(store);
  auto usable = co_await leases.check();
  if (!usable) co_return std::unexpected(std::move(usable.error()));
  log::info("leases", {{"table", leases.store->describe()}, {"worker", leases.worker.worker_id}});
  co_return leases;
}

async::Task<Result<Leases>> open_node_leases(NodeLeaseParts parts, aws::TableAddress source,
                                             aws::SideOptions source_side) {
  Host& host = parts.host;
  const LeaseOptions& options = parts.options;
  Leases leases{.table = options.table, .side = {}, .store = {}, .worker = {}};
  leases.failover = coordination::kNodeFailover;
  leases.worker = {
      .worker_id = options.worker_id.empty() ? coordination::new_worker_id(host.random()) : options.worker_id,
      .failover = leases.failover,
      .max_leases = options.max_leases,
      .hands_over = false};  // that library knows of no such thing
  auto address = address_of(host, options, options.table, source);
  if (!address) co_return std::unexpected(std::move(address.error()));
  auto side = open_table_side(host, options, std::move(*address), std::move(source_side));
  if (!side) co_return std::unexpected(std::move(side.error()));
  leases.side = std::move(*side);
  coordination::NodeLeaseStore::Options store_options;
  store_options.table = {.table = TableName(options.table), .give_up_after = leases.failover / 2};
  store_options.start = std::move(parts.start);
  store_options.lineage = [&stream = parts.stream] { return all_shards(stream); };
  auto store = std::make_unique<coordination::NodeLeaseStore>(leases.side->dynamodb(), std::move(store_options),
                                                              host.clock(), host.random());
  coordination::NodeLeaseStore::PrepareOptions prepare;
  prepare.create = true;
  prepare.throughput = options.node->throughput;
  prepare.wait.pause = options.creation_poll;
  const auto prepared = co_await store->prepare(prepare);
  if (!prepared) co_return std::unexpected(prepared.error());
  leases.node = store.get();
  leases.store = std::move(store);
  log::info("leases", {{"table", leases.store->describe()}, {"worker", leases.worker.worker_id}});
  co_return leases;
}

}  // namespace dynamirror::service
