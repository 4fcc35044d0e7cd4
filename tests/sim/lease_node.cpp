// SPDX-License-Identifier: Apache-2.0
#include "sim/lease_node.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "coordination/node_lease_rules.hpp"

namespace dynamirror::sim {

using coordination::kNodeWorker;
using coordination::kShardEnd;
using coordination::Lease;
using coordination::LeaseWrite;
using coordination::NodeLeaseRow;
using namespace std::chrono_literals;

namespace {

constexpr Duration kLeaseTime = 15s;
constexpr Duration kRenewal = 5s;

}  // namespace

bool NodeTable::write(LeaseWorld& world, LeaseWrite write, WallTime now) {
  const auto lease = world.table.get(write.key);
  std::optional<NodeLeaseRow> row;
  if (lease) row = NodeLeaseRow{.lease = *lease, .expires_at = expires_at[write.key]};
  if (!coordination::node_write_holds(write, row, now)) return false;
  const bool node_lives = std::ranges::any_of(clusters, [&](const auto& cluster) {
    return !cluster.second.ours && cluster.second.expires_at + coordination::kNodeClockMargin > now;
  });
  if (write.checkpoint == kShardEnd) write.owner.clear();
  if (!world.table.write(write)) return false;
  expires_at[write.key] = coordination::node_expiry(write, now, node_lives);
  return true;
}

NodeMember::NodeMember(LeaseWorld& world, NodeTable& table, std::string id, SkewedClock clock)
    : LeaseProcess(world, std::move(id), clock), table_(table) {
  every(1s, &NodeMember::report);
  every(1s, &NodeMember::work);
  every(kRenewal, &NodeMember::look);
}

void NodeMember::kill() {
  alive_ = false;
  consumers_.clear();
}

void NodeMember::every(Duration interval, void (NodeMember::*what)()) {
  deliver([this, what] { (this->*what)(); });
  if (!alive_) return;
  const Duration next = world_.agenda.now() + interval;
  world_.agenda.at(next, [this, interval, what] { every(interval, what); });
}

// ---- the cluster

void NodeMember::report() {
  table_.clusters[id_] = {.consumers = consumers_.size(), .expires_at = wall() + kLeaseTime};
}

std::optional<std::size_t> NodeMember::least_of_others() const {
  std::optional<std::size_t> least;
  for (const auto& [id, cluster] : table_.clusters) {
    if (id != id_ && cluster.expires_at > wall())
      least = std::min(least.value_or(cluster.consumers), cluster.consumers);
  }
  return least;
}

void NodeMember::look() {
  const auto least = least_of_others();
  if (consumers_.empty() || !least || consumers_.size() <= *least) {
    start_one();
  } else if (consumers_.size() > *least + 1) {
    consumers_.erase(consumers_.begin());
  }
}

void NodeMember::start_one() {
  for (const auto& shard : world_.shards.all()) {
    if (!world_.table.get(shard.id)) return spawn(shard.id, std::nullopt);
  }
  for (const auto& [shard, lease] : world_.table.rows()) {
    if (!lease.done() && table_.expires_at[shard] <= wall()) return spawn(shard, lease.counter);
  }
}

/// A process takes a while to start; what it was started on is what the cluster saw.
void NodeMember::spawn(const std::string& shard, std::optional<std::uint64_t> counter) {
  if (consumers_.contains(shard)) return;
  consumers_[shard] = {.number = ++last_number_, .counter = counter};
  const Duration ready = world_.agenda.now() + 500ms + Duration(world_.random.below(2'000'000'000));
  world_.agenda.at(ready, [this, shard, number = last_number_] {
    deliver([this, shard, number] {
      const auto entry = consumers_.find(shard);
      if (entry != consumers_.end() && entry->second.number == number) update(shard, {});
    });
  });
}

// ---- its processes

void NodeMember::work() {
  for (auto& [shard, consumer] : consumers_) {
    if (!consumer.work || consumer.busy) continue;
    consumer.work->send(Duration::max());
    const bool at_end = consumer.work->at_end();
    const std::string checkpoint = at_end ? std::string(kShardEnd) : consumer.work->checkpoint();
    if (checkpoint != consumer.checkpoint) {
      update(shard, checkpoint);
    } else if (world_.agenda.now() - consumer.reserved >= kRenewal) {
      update(shard, {});
    }
  }
}

/// `checkpoint`: empty to reserve only.
void NodeMember::update(const std::string& shard, std::string checkpoint) {
  Consumer& consumer = consumers_.at(shard);
  consumer.busy = true;
  const Duration now = world_.agenda.now();
  const Duration lands = now + Duration(world_.random.below(500'000'000));
  const bool lost = world_.random.chance(world_.faults.lost / 4);
  const bool landing = !lost || world_.random.chance(0.5);
  // What is sent does not keep the work alive when its process ends.
  Consumer as_sent{.number = consumer.number, .counter = consumer.counter};
  world_.agenda.at(lands, [this, shard, checkpoint, lost, landing, as_sent, expires_at = wall() + kLeaseTime] {
    const bool landed = landing && apply(shard, as_sent, checkpoint, expires_at);
    deliver([this, shard, checkpoint, landed, lost, number = as_sent.number] {
      updated(shard, number, landed && !lost, checkpoint);
    });
  });
}

bool NodeMember::apply(const std::string& shard, const Consumer& as_sent, const std::string& checkpoint,
                       WallTime expires_at) {
  auto row = world_.table.get(shard);
  if (as_sent.counter && (!row || row->counter != *as_sent.counter)) return false;
  // Two of the library's would rob each other here. That is theirs, and not what is looked for.
  if (!as_sent.counter && row && row->owner == kNodeWorker) return false;
  if (!row) {
    row = Lease{.key = shard, .checkpoint = "TRIM_HORIZON"};
    for (const std::size_t parent : world_.shards[world_.shards.index_of(shard)].parents) {
      row->parents.push_back(world_.shards[parent].id);  // as the store finds them
    }
  } else {
    ++row->counter;
  }
  if (!checkpoint.empty()) row->checkpoint = checkpoint;
  row->owner = row->done() ? "" : std::string(kNodeWorker);
  world_.table.put(shard, row);
  table_.expires_at[shard] = expires_at;
  return true;
}

void NodeMember::updated(const std::string& shard, std::uint64_t number, bool landed, const std::string& checkpoint) {
  const auto entry = consumers_.find(shard);
  if (entry == consumers_.end() || entry->second.number != number) return;
  Consumer& consumer = entry->second;
  const auto row = world_.table.get(shard);
  if (!landed || checkpoint == kShardEnd || !row || row->done()) {
    consumers_.erase(entry);
    return;
  }
  consumer.busy = false;
  consumer.counter = consumer.work ? *consumer.counter + 1 : row->counter;
  consumer.reserved = world_.agenda.now();
  if (!checkpoint.empty()) consumer.checkpoint = checkpoint;
  if (consumer.work) return;
  ++reservations_;
  consumer.checkpoint = row->checkpoint;
  ShardWork::Host host;
  host.in_order = false;
  host.deliver = [this](std::function<void()> what) { deliver(std::move(what)); };
  host.attend = [] {};
  host.may_write = [this, shard, number] {
    const auto found = consumers_.find(shard);
    return alive_ && found != consumers_.end() && found->second.number == number;
  };
  consumer.work = std::make_shared<ShardWork>(world_, *row, std::move(host));
}

}  // namespace dynamirror::sim
