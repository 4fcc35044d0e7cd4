// SPDX-License-Identifier: Apache-2.0
#include "coordination/node_lease_store.hpp"

#include <algorithm>
#include <utility>

#include "coordination/lease_rules.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;

/// What a table with another key is.
std::string_view other_kind(const model::KeySchema& key) {
  return key.hash.name == "leaseKey" ? "is a lease table of KCL's" : "";
}

void add(std::vector<std::string>& names, const std::string& name) {
  names.push_back(name);
  names = as_set(std::move(names));
}

}  // namespace

async::Task<Result<LeaseTable::Prepared>> NodeLeaseStore::prepare(PrepareOptions options) {
  aws::CreateTableSpec spec;
  spec.key = {{"type", "S"}, model::KeyAttribute{"id", "S"}};
  spec.attributes = {{"type", "S"}, {"id", "S"}};
  if (options.throughput) {
    spec.billing_mode = aws::BillingMode::kProvisioned;
    spec.throughput = *options.throughput;
  }
  const LeaseTable::PrepareOptions how{.create = options.create, .wait = options.wait};
  co_return co_await table_.prepare(how, std::move(spec), other_kind);
}

// ---- lineage

void NodeLeaseStore::learn(const std::vector<model::Shard>& shards) {
  for (const model::Shard& shard : shards) {
    for (const ShardId& parent : shard.parents) {
      add(kin_[shard.id.str()].parents, parent.str());
      add(kin_[parent.str()].children, shard.id.str());
    }
  }
}

/// The parents of a shard never change, so each is asked for once. What no listing names has left the stream.
async::Task<Status> NodeLeaseStore::learn_kin(std::vector<std::string> shards) {
  std::erase_if(shards, [this](const std::string& shard) { return kin_.contains(shard); });
  if (shards.empty()) co_return Status{};
  if (options_.lineage) {
    auto listed = co_await options_.lineage();
    if (!listed) co_return std::unexpected(std::move(listed.error()));
    learn(*listed);
  }
  for (const std::string& shard : shards) kin_.try_emplace(shard);
  co_return Status{};
}

void NodeLeaseStore::add_kin(Lease& lease) const {
  const auto kin = kin_.find(lease.key);
  if (kin == kin_.end()) return;
  lease.parents = kin->second.parents;
  lease.children = kin->second.children;
}

// ---- reading

/// All of the rows have the same hash key, so the service cannot read a part of them.
async::Task<Result<LeaseRows>> NodeLeaseStore::scan(LeaseShare share) {
  LeaseRows rows;
  std::unordered_map<std::string, NodeLeaseRow> leases;
  bool node_lives = false;
  const WallTime now = clock_.wall_now();
  const auto take = [&](std::string_view item) {
    auto row = parse_node_row(item, options_.start, reader_);
    if (!row) {
      ++rows.foreign;
    } else if (const auto* cluster = std::get_if<NodeClusterRow>(&*row)) {
      node_lives = node_lives || (!cluster->ours && cluster->expires_at + kNodeClockMargin > now);
    } else {
      auto& lease = std::get<NodeLeaseRow>(*row);
      std::string key = lease.lease.key;
      leases.insert_or_assign(std::move(key), std::move(lease));
    }
  };
  auto read = co_await table_.scan({}, take);
  if (!read) co_return std::unexpected(std::move(read.error()));
  std::vector<std::string> keys;
  for (const auto& [key, row] : leases) keys.push_back(key);
  auto learned = co_await learn_kin(std::move(keys));
  if (!learned) co_return std::unexpected(std::move(learned.error()));
  for (const auto& [key, row] : leases) {
    if (!in_share(key, share)) continue;
    rows.leases.push_back(row.lease);
    add_kin(rows.leases.back());
  }
  rows_ = std::move(leases);
  node_lives_ = node_lives;
  co_return rows;
}

async::Task<Result<std::optional<NodeLeaseRow>>> NodeLeaseStore::read(std::string key) {
  std::string key_json = node_lease_key_json(key);
  auto item = co_await table_.get(table_.name(), std::move(key_json));
  if (!item) co_return std::unexpected(std::move(item.error()));
  rows_.erase(key);
  if (!*item) co_return std::nullopt;
  auto row = parse_node_row(**item, options_.start, reader_);
  auto* lease = row ? std::get_if<NodeLeaseRow>(&*row) : nullptr;
  if (lease == nullptr) co_return failure(ErrorClass::kInvalid, "read lease " + key, describe(), "the row is no lease");
  rows_.insert_or_assign(key, *lease);
  co_return std::move(*lease);
}

async::Task<Result<std::optional<Lease>>> NodeLeaseStore::get(std::string key) {
  auto row = co_await read(key);
  if (!row) co_return std::unexpected(std::move(row.error()));
  if (!*row) co_return std::nullopt;
  std::vector<std::string> keys{key};
  auto learned = co_await learn_kin(std::move(keys));
  if (!learned) co_return std::unexpected(std::move(learned.error()));
  Lease lease = std::move((*row)->lease);
  add_kin(lease);
  co_return lease;
}

// ---- writing

/// Looks whether the row is as the write wants it. What was read with the write's counter is the row that the request
/// will meet, or its condition fails.
async::Task<Result<bool>> NodeLeaseStore::may_write(const LeaseWrite& write) {
  if (write.kind == Kind::kCreate || write.kind == Kind::kRenew) co_return true;  // counter or absence are all
  const auto known = rows_.find(write.key);
  std::optional<NodeLeaseRow> row;
  if (known != rows_.end() && known->second.lease.counter == write.counter) {
    row = known->second;
  } else {
    auto answer = co_await read(write.key);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    row = std::move(*answer);
  }
  co_return node_write_holds(write, row, clock_.wall_now());
}

/// What the table has no place for.
void NodeLeaseStore::remember(const LeaseWrite& write) {
  if (write.kind == Kind::kDelete || write.kind == Kind::kRemove) kin_.erase(write.key);
  if (write.kind == Kind::kCreate) kin_[write.key].parents = as_set(write.parents);
  if (!write.children.empty() || write.kind == Kind::kSetChildren) kin_[write.key].children = as_set(write.children);
}

async::Task<Result<LeaseStore::Outcome>> NodeLeaseStore::write(LeaseWrite write, SteadyTime not_after) {
  if (clock_.steady_now() >= not_after) co_return std::unexpected(too_late_to_write(write.key, describe()));
  if (write.kind == Kind::kStartHandOver) co_return Outcome::kConflict;
  auto may = co_await may_write(write);
  if (!may) co_return std::unexpected(std::move(may.error()));
  if (!*may) co_return Outcome::kConflict;
  if (write.kind == Kind::kSetChildren) {
    remember(write);
    co_return Outcome::kDone;
  }
  // Who has finished a shard needs no name on it: nobody is to take it.
  if (write.checkpoint == kShardEnd && write.kind == Kind::kRelease) write.owner.clear();
  LeaseRequest request = node_lease_request(write, node_expiry(write, clock_.wall_now(), node_lives_));
  rows_.erase(write.key);
  auto written = co_await table_.write(std::move(request), write.key, not_after);
  if (written && *written == Outcome::kDone) remember(write);
  co_return written;
}

// ---- beside the library's workers

async::Task<Status> NodeLeaseStore::report(std::string id, std::string worker, std::size_t consumers) {
  LeaseRequest request = node_cluster_request(id, worker, consumers, clock_.wall_now() + kNodeLeaseTime);
  auto written = co_await table_.write(std::move(request), std::move(id), kNoDeadline);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return Status{};
}

async::Task<Status> NodeLeaseStore::sign_off(std::string id) {
  LeaseRequest request = node_cluster_removal(id);
  auto written = co_await table_.write(std::move(request), std::move(id), kNoDeadline);
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return Status{};
}

}  // namespace dynamirror::coordination
