// SPDX-License-Identifier: Apache-2.0
#include "app/cli/lease_table.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "coordination/lease_names.hpp"
#include "coordination/lease_row.hpp"
#include "coordination/sqlite_lease_store.hpp"
#include "service/leases.hpp"

namespace dynamirror::app {
namespace {

constexpr std::string_view kFile = "file:";

std::unexpected<Error> unnamed(std::string message) {
  return failure(ErrorClass::kInvalid, "find lease table", {}, std::move(message));
}

/// A table of which only the name is known. `source`: what region and server are taken from unless said.
Result<aws::TableAddress> address_of_name(Session& session, const LeasesCommand& command, const std::string& name,
                                          const aws::TableAddress* source) {
  if (!command.endpoint.empty()) return session.address_of(command.endpoint + "/" + name, command.lease_side);
  aws::TableAddress address{.table = TableName(name), .region = Region(command.region)};
  if (command.region.empty() && source != nullptr) {
    address.region = source->region;
    address.endpoint = source->endpoint;
  } else if (command.region.empty()) {
    const auto region = aws::configured_region(aws::process_environment(), command.lease_side.profile);
    if (!region) return unnamed("\"" + name + "\" is only a name: give its --lease-region, or write region/" + name);
    address.region = Region(*region);
  }
  return address;
}

Result<aws::TableAddress> derived_address(Session& session, const LeasesCommand& command) {
  if (!command.table.empty()) return unnamed("give TABLE, or --source and --target, not both");
  auto source = session.address_of(command.source, command.lease_side);
  if (!source) return source;
  const auto target = session.address_of(command.target, command.lease_side);
  if (!target) return target;
  const auto name = coordination::cross_region_lease_table(command.task, service::task_of(*source, *target));
  if (!name) return std::unexpected(name.error());
  return address_of_name(session, command, *name, &*source);
}

Result<aws::TableAddress> address_of(Session& session, const LeasesCommand& command) {
  if (!command.source.empty()) return derived_address(session, command);
  if (command.table.empty()) return unnamed("give TABLE, or --source and --target");
  if (command.table.find('/') == std::string::npos) return address_of_name(session, command, command.table, nullptr);
  if (!command.endpoint.empty()) return unnamed("TABLE says where it is; leave --lease-endpoint out");
  return session.address_of(command.table, command.lease_side);
}

async::Task<Result<LeaseTable>> open_file(Session& session, const std::string& path) {
  coordination::SqliteLeaseStore::Options options{.file = path, .job = {}};
  auto store = coordination::SqliteLeaseStore::open(std::move(options), system_clock(), session.random());
  if (!store) co_return std::unexpected(std::move(store.error()));
  co_return LeaseTable{.side = {}, .store = std::move(*store), .name = path, .failover = service::kFailover};
}

async::Task<Result<LeaseTable>> open_table(Session& session, aws::TableAddress address, aws::SideOptions side_options) {
  auto side = session.open_side(std::move(address), side_options);
  if (!side) co_return std::unexpected(std::move(side.error()));
  const TableName name = (*side)->address().table;
  auto store = std::make_unique<coordination::DynamoDbLeaseStore>(
      (*side)->dynamodb(), coordination::DynamoDbLeaseStore::Options{.table = name}, system_clock(), session.random());
  const coordination::DynamoDbLeaseStore::PrepareOptions only_look{};
  const auto prepared = co_await store->prepare(only_look);
  if (!prepared) co_return std::unexpected(prepared.error());
  co_return LeaseTable{.side = std::move(*side),
                       .store = std::move(store),
                       .name = name.str(),
                       .failover = service::default_failover(name.str())};
}

/// False when the user asked to stop.
async::Task<bool> pause_for(Session& session, std::chrono::milliseconds time) {
  const SteadyTime end = system_clock().steady_now() + time;
  while (!session.stop().requested()) {
    const Duration left = end - system_clock().steady_now();
    if (left <= Duration::zero()) co_return true;
    (void)co_await session.stop().changed().wait_for(left);
  }
  co_return false;
}

}  // namespace

async::Task<Result<std::optional<std::string>>> LeaseTable::row(std::string key) const {
  if (!side) {
    const auto lease = co_await store->get(std::move(key));
    if (!lease) co_return std::unexpected(lease.error());
    if (!*lease) co_return std::nullopt;
    co_return jobs::row_json(**lease);
  }
  const std::string key_json = coordination::lease_key_json(key);
  const aws::GetItemOptions options{};
  auto answer = co_await side->dynamodb().get_item(TableName(name), key_json, options);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return std::move(answer->item);
}

async::Task<Result<LeaseTable>> open_lease_table(Session& session, const LeasesCommand& command) {
  Result<LeaseTable> table;
  if (command.source.empty() && command.table.starts_with(kFile)) {
    table = co_await open_file(session, command.table.substr(kFile.size()));
  } else {
    auto address = address_of(session, command);
    if (!address) co_return std::unexpected(std::move(address.error()));
    if (!command.region.empty()) address->region = Region(command.region);
    table = co_await open_table(session, std::move(*address), command.lease_side);
  }
  if (table && command.failover) table->failover = *command.failover;
  co_return table;
}

async::Task<Result<jobs::LeaseLooks>> watch_leases(Session& session, const LeaseTable& table,
                                                   const LeasesCommand& command) {
  auto rows = co_await table.store->scan({});
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  jobs::LeaseLooks looks{.failover = table.failover};
  const auto time = command.watch_for.value_or(jobs::watch_time(table.failover));
  const bool any_owned = std::ranges::any_of(rows->leases, [](const auto& lease) { return !lease.owner.empty(); });
  if (!any_owned || time == std::chrono::milliseconds(0)) {
    looks.second = std::move(*rows);
    co_return looks;
  }
  log::info("looking twice, to see which leases are renewed", {{"pause", format_duration(time)}});
  looks.first = std::move(*rows);
  const SteadyTime begun = system_clock().steady_now();
  const bool waited = co_await pause_for(session, time);
  if (!waited) co_return std::unexpected(session.stop().check("look at leases", table.store->describe()).error());
  rows = co_await table.store->scan({});
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  looks.apart = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - begun);
  looks.second = std::move(*rows);
  co_return looks;
}

}  // namespace dynamirror::app
