// SPDX-License-Identifier: Apache-2.0
#include "support/dynamodb_standin.hpp"

#include <cassert>
#include <mutex>
#include <utility>

#include "support/standin_core.hpp"

namespace dynamirror::support {

/// Every member takes the lock of the core, which the server's thread holds while it answers a request.
struct DynamoDbStandin::Impl {
  explicit Impl(Options options)
      : core(std::move(options)),
        server({.port = core.port}, [this](WireRequest request) { return core.serve(std::move(request)); }) {}

  StandinCore core;
  WireServer server;  // last: its thread uses the core
};

DynamoDbStandin::DynamoDbStandin() : DynamoDbStandin(Options{}) {}
DynamoDbStandin::DynamoDbStandin(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
DynamoDbStandin::~DynamoDbStandin() = default;

std::uint16_t DynamoDbStandin::port() const { return impl_->server.port(); }
http::Endpoint DynamoDbStandin::endpoint() const { return {.tls = false, .host = "127.0.0.1", .port = port()}; }
std::string DynamoDbStandin::address_of(std::string_view table) const {
  return "http://127.0.0.1:" + std::to_string(port()) + "/" + std::string(table);
}

void DynamoDbStandin::add_table(TableSpec spec) { impl_->core.locked()->service.add_table(std::move(spec)); }

void DynamoDbStandin::remove_table(const std::string& table) { impl_->core.locked()->service.tables().erase(table); }

void DynamoDbStandin::put(const std::string& table, std::string_view item) {
  const auto object = parse_object(item);
  assert(object);
  auto core = impl_->core.locked();
  TableState& state = core->table(table);
  const auto key = key_of_item(*object, state.spec.key);
  auto stored = read_attributes(*object);
  assert(key && stored);
  state.put(*key, std::make_shared<const StoredItem>(std::move(*stored)), system_clock());
}

void DynamoDbStandin::remove(const std::string& table, std::string_view key, bool by_ttl) {
  auto core = impl_->core.locked();
  core->table(table).remove(core->canonical_key(table, key), system_clock(), by_ttl);
}

std::map<std::string, std::string> DynamoDbStandin::snapshot(const std::string& table) const {
  std::map<std::string, std::string> items;
  auto core = impl_->core.locked();
  for (const auto& [key, item] : core->table(table).items()) items.emplace_hint(items.end(), key, item->text);
  return items;
}

std::vector<AppliedWrite> DynamoDbStandin::writes(const std::string& table) const {
  return impl_->core.locked()->table(table).writes();
}

std::vector<AppliedWrite> DynamoDbStandin::writes_of(const std::string& table, std::string_view key) const {
  auto core = impl_->core.locked();
  return core->table(table).writes_of(core->canonical_key(table, key));
}

std::string DynamoDbStandin::canonical_key(const std::string& table, std::string_view key) const {
  return impl_->core.locked()->canonical_key(table, key);
}

std::string DynamoDbStandin::stream_arn(const std::string& table) const {
  return impl_->core.locked()->stream(table).options().arn;
}

std::vector<DynamoDbStandin::ShardInfo> DynamoDbStandin::shards(const std::string& table) const {
  std::vector<ShardInfo> infos;
  auto core = impl_->core.locked();
  for (const StreamShard& shard : core->stream(table).shards()) {
    infos.push_back({shard.id, shard.parent, shard.open(), shard.records.size(), shard.trimmed});
  }
  return infos;
}

std::vector<std::string> DynamoDbStandin::open_shards(const std::string& table) const {
  std::vector<std::string> ids;
  for (const ShardInfo& shard : shards(table)) {
    if (shard.open) ids.push_back(shard.id);
  }
  return ids;
}

std::string DynamoDbStandin::shard_of(const std::string& table, std::string_view key) const {
  auto core = impl_->core.locked();
  return core->stream(table).holder_of(core->canonical_key(table, key)).id;
}

std::vector<std::string> DynamoDbStandin::split_shard(const std::string& table, const std::string& shard_id) {
  return impl_->core.locked()->stream(table).split(shard_id, system_clock().wall_now());
}

std::string DynamoDbStandin::roll_shard(const std::string& table, const std::string& shard_id) {
  return impl_->core.locked()->stream(table).roll(shard_id, system_clock().wall_now());
}

void DynamoDbStandin::split_all_shards(const std::string& table) {
  for (const std::string& id : open_shards(table)) split_shard(table, id);
}

void DynamoDbStandin::roll_all_shards(const std::string& table) {
  for (const std::string& id : open_shards(table)) roll_shard(table, id);
}

void DynamoDbStandin::trim_shard(const std::string& table, const std::string& shard_id, std::size_t keep) {
  impl_->core.locked()->stream(table).trim(shard_id, keep);
}

void DynamoDbStandin::age_stream(const std::string& table, Duration by) {
  impl_->core.locked()->stream(table).age(by, system_clock().wall_now());
}

void DynamoDbStandin::disable_stream(const std::string& table) {
  impl_->core.locked()->stream(table).disable(system_clock().wall_now());
}

void DynamoDbStandin::enable_stream(const std::string& table, const std::string& view_type) {
  impl_->core.locked()->table(table).enable_stream(view_type, system_clock().wall_now());
}

void DynamoDbStandin::expire_iterators() { impl_->core.locked()->service.expire_iterators(); }

void DynamoDbStandin::configure(const std::function<void(Service::Options&)>& change) {
  change(impl_->core.locked()->service.options());
}

void DynamoDbStandin::set_fault_policy(FaultPlan::Policy policy) {
  impl_->core.locked()->faults.set_policy(std::move(policy));
}

void DynamoDbStandin::fail_next(FaultPlan::Script script) { impl_->core.locked()->faults.add(std::move(script)); }
void DynamoDbStandin::clear_faults() { impl_->core.locked()->faults.clear(); }

void DynamoDbStandin::throttle_key(const std::string& table, std::string_view key, int times) {
  auto core = impl_->core.locked();
  core->service.throttle_key(core->canonical_key(table, key), times);
}

void DynamoDbStandin::refuse_key(const std::string& table, std::string_view key, bool refused) {
  auto core = impl_->core.locked();
  core->service.refuse_key(core->canonical_key(table, key), refused);
}

void DynamoDbStandin::set_write_limit(const std::string& table, double units_per_second) {
  impl_->core.locked()->table(table).spec.write_units_per_second = units_per_second;
}

void DynamoDbStandin::set_clock_offset(std::chrono::seconds offset) { impl_->core.locked()->clock_offset = offset; }
void DynamoDbStandin::add_identity(Identity identity) { impl_->core.locked()->check.add_identity(std::move(identity)); }
void DynamoDbStandin::expire_identity(const std::string& access_key_id) {
  impl_->core.locked()->check.expire(access_key_id);
}

void DynamoDbStandin::drop_connections() { impl_->server.drop_connections(); }
void DynamoDbStandin::go_away() { impl_->server.go_away(); }
void DynamoDbStandin::come_back() { impl_->server.come_back(); }

DynamoDbStandin::Statistics DynamoDbStandin::statistics() const {
  auto core = impl_->core.locked();
  Statistics statistics = core->statistics;
  statistics.faults = core->faults.counts();
  statistics.connections = impl_->server.connections_accepted();
  statistics.write_units = core->service.consumed_write_units();
  return statistics;
}

std::vector<std::string> DynamoDbStandin::complaints() const { return impl_->core.locked()->complaints; }

}  // namespace dynamirror::support
