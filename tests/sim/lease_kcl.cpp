// SPDX-License-Identifier: Apache-2.0
#include "sim/lease_kcl.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dynamirror::sim {

using coordination::Lease;
using coordination::LeaseWrite;

namespace {
constexpr std::chrono::milliseconds kEpsilon{25};
}

KclMember::KclMember(LeaseWorld& world, std::string id, SkewedClock clock) : LeaseProcess(world, std::move(id), clock) {
  every(world.failover / 3 - kEpsilon, &KclMember::renew_all);
  every((world.failover + kEpsilon) * 2, &KclMember::take_some);
}

void KclMember::kill() {
  alive_ = false;
  held_.clear();
}

void KclMember::every(Duration interval, void (KclMember::*what)()) {
  deliver([this, what] { (this->*what)(); });
  if (!alive_) return;
  const auto real = clock_.truly(local() + interval);
  world_.agenda.at(real, [this, interval, what] { every(interval, what); });
}

void KclMember::write(const std::string& key, std::uint64_t counter, std::function<void(Lease&)> change,
                      std::function<void(Answer)> answered) {
  Random& random = world_.random;
  const Duration now = world_.agenda.now();
  const bool lost = random.chance(world_.faults.lost);
  const Duration lands = now + world_.latency();
  const auto answer = [this, answered](Duration when, Answer what) {
    world_.agenda.at(when, [this, answered, what] { deliver([answered, what] { answered(what); }); });
  };
  if (lost) answer(now + world_.part(random.unit() / 4), Answer::kUnknown);
  if (lost && random.chance(0.5)) return;
  world_.agenda.at(lands, [this, key, counter, change, answer, lost] {
    auto row = world_.table.get(key);
    const bool holds = row && row->counter == counter;
    if (holds) {
      change(*row);
      row->counter = counter + 1;
      world_.table.put(key, row);
    }
    if (!lost) answer(world_.agenda.now() + world_.latency(), holds ? Answer::kDone : Answer::kConflict);
  });
}

void KclMember::renew_all() {
  std::vector<std::string> expired;
  for (auto& [key, held] : held_) {
    if (local() - held.renewed > world_.failover) {
      expired.push_back(key);
    } else if (!held.busy) {
      renew(key, held);
    }
  }
  for (const std::string& key : expired) drop(key);
}

/// Checkpoints are writes of their own in KCL; here every renewal carries one.
void KclMember::renew(const std::string& key, Held& held) {
  std::string checkpoint = held.checkpoint;
  if (!held.done && !held.work) begin_work(key, held);
  if (held.work) {
    held.work->send(Duration::max());
    checkpoint = held.work->checkpoint();
    const std::size_t shard = held.work->shard();
    if (held.work->at_end() && may_finish(shard)) {
      create_children(shard);
      checkpoint = std::string(coordination::kShardEnd);
    }
  }
  held.busy = true;
  std::vector<std::string> children;
  if (checkpoint == coordination::kShardEnd && held.work) {
    for (const std::size_t child : world_.shards[held.work->shard()].children) {
      children.push_back(world_.shards[child].id);
    }
  }
  write(
      key, held.counter,
      [checkpoint, children](Lease& row) {
        row.checkpoint = checkpoint;
        if (!children.empty()) row.children = children;
      },
      [this, key, begun = local(), checkpoint](Answer answer) { renewed(key, begun, checkpoint, answer); });
}

void KclMember::renewed(const std::string& key, SteadyTime begun, const std::string& checkpoint, Answer answer) {
  const auto at = held_.find(key);
  if (at == held_.end()) return;
  Held& held = at->second;
  held.busy = false;
  if (answer == Answer::kUnknown) return;
  if (answer == Answer::kConflict) {
    // KCL looks whether it was its own write that it did not hear of.
    const auto row = world_.table.get(key);
    if (!row || row->owner != id_ || row->counter != held.counter + 1) return drop(key);
    held.checkpoint = row->checkpoint;
  } else {
    held.checkpoint = checkpoint;
  }
  ++held.counter;
  held.renewed = begun;
  held.done = held.checkpoint == coordination::kShardEnd;
  if (held.done) held.work.reset();
}

void KclMember::begin_work(const std::string& key, Held& held) {
  const bool blocked = std::ranges::any_of(held.parents, [&](const std::string& parent) {
    const auto row = world_.table.get(parent);
    return row && !row->done();
  });
  const auto row = world_.table.get(key);
  if (blocked || !row || row->owner != id_) return;
  ShardWork::Host host;
  host.ours = false;
  host.deliver = [this](std::function<void()> what) { deliver(std::move(what)); };
  host.attend = [this, key] {
    const auto at = held_.find(key);
    if (at != held_.end() && at->second.work) at->second.work->send(Duration::max());
  };
  host.may_write = [] { return true; };
  held.work = std::make_shared<ShardWork>(world_, *row, std::move(host));
}

bool KclMember::may_finish(std::size_t shard) const {
  const auto there = [&](std::size_t one) { return world_.table.rows().contains(world_.shards[one].id); };
  return std::ranges::all_of(world_.shards[shard].children, [&](std::size_t child) {
    return there(child) || std::ranges::all_of(world_.shards[child].parents, there);
  });
}

void KclMember::create_children(std::size_t shard) {
  for (const std::size_t child : world_.shards[shard].children) {
    LeaseWrite write{.kind = LeaseWrite::Kind::kCreate, .key = world_.shards[child].id};
    write.checkpoint = "TRIM_HORIZON";
    for (const std::size_t parent : world_.shards[child].parents) {
      write.parents.push_back(world_.shards[parent].id);
    }
    if (!world_.invariants.is_finished(child)) (void)world_.table.write(write);
  }
}

// ---- LeaseTaker

void KclMember::take_some() {
  if (world_.random.chance(world_.faults.scan_fails)) return;
  const auto is_stale = [this] { return world_.random.chance(world_.faults.stale); };
  const auto rows = world_.table.scan({}, world_.part(0.05), is_stale).leases;
  world_.agenda.at(world_.agenda.now() + world_.latency(),
                   [this, rows] { deliver([this, rows] { taken_turn(rows); }); });
}

void KclMember::taken_turn(const std::vector<Lease>& rows) {
  std::map<std::string, std::vector<const Lease*>> owners;
  std::vector<const Lease*> available;
  for (const Lease& row : rows) {
    const auto [at, added] = seen_.try_emplace(row.key, Seen{row.counter, local()});
    if (!added && at->second.counter != row.counter) at->second = {row.counter, local()};
    const bool expired = row.owner.empty() || local() - at->second.moved > world_.failover;
    if (expired) {
      if (!held_.contains(row.key)) available.push_back(&row);
    } else {
      owners[row.owner].push_back(&row);
    }
  }
  owners[id_];
  const std::size_t workers = owners.size();
  const std::size_t target = workers >= rows.size() ? 1 : (rows.size() + workers - 1) / workers;
  const std::size_t mine = held_.size();
  if (target <= mine) return;
  const std::size_t need = target - mine;
  for (std::size_t i = available.size(); i > 1; --i) std::swap(available[i - 1], available[world_.random.below(i)]);
  for (std::size_t i = 0; i < std::min(need, available.size()); ++i) take(*available[i]);
  if (!available.empty()) return;
  const auto most = std::ranges::max_element(owners, {}, [](const auto& entry) { return entry.second.size(); });
  const std::size_t load = most->second.size();
  if (most->first == id_ || !(load > target || (need > 1 && load >= target))) return;
  take(*most->second[world_.random.below(load)]);
}

void KclMember::take(const Lease& lease) {
  // The checkpoint owner stays: KCL 2 knows of none.
  write(
      lease.key, lease.counter,
      [id = id_](Lease& row) {
        row.owner_switches += !row.owner.empty() && row.owner != id ? 1 : 0;
        row.owner = id;
      },
      [this, lease, begun = local()](Answer answer) {
        if (answer != Answer::kDone) return;
        Held held{.counter = lease.counter + 1, .renewed = begun, .parents = lease.parents};
        held.checkpoint = lease.checkpoint;
        held.done = lease.done();
        const auto at = held_.insert_or_assign(lease.key, std::move(held)).first;
        renew(at->first, at->second);
      });
}

}  // namespace dynamirror::sim
