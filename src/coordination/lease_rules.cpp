// SPDX-License-Identifier: Apache-2.0
#include "coordination/lease_rules.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;

bool holds(const LeaseWrite& write, const std::optional<Lease>& row) {
  if (write.kind == Kind::kCreate) return !row;
  if (!row) return false;
  const bool same_counter = row->counter == write.counter;
  switch (write.kind) {
    case Kind::kRenew:
      return same_counter && (write.handing_over || row->checkpoint_owner.empty());
    case Kind::kTake:
      return same_counter;
    case Kind::kRelease:
    case Kind::kRemove:
      return same_counter && row->owner == write.from;
    case Kind::kStartHandOver:
      return row->owner == write.from && row->checkpoint_owner.empty() && !row->done();
    case Kind::kDelete:
      return same_counter && row->done();
    case Kind::kCreate:
    case Kind::kSetChildren:
      break;
  }
  return true;
}

Lease created(const LeaseWrite& write) {
  assert(write.checkpoint);
  return {.key = write.key,
          .checkpoint = *write.checkpoint,
          .parents = as_set(write.parents),
          .hash_keys = write.hash_keys};
}

void update(Lease& lease, const LeaseWrite& write) {
  if (write.kind == Kind::kSetChildren) {
    lease.children = as_set(write.children);
    return;
  }
  if (write.kind == Kind::kStartHandOver) {
    assert(!write.owner.empty() && !write.from.empty());
    lease.checkpoint_owner = write.from;
    lease.owner = write.owner;
    return;
  }
  lease.counter = write.counter + 1;
  if (write.checkpoint && write.kind != Kind::kTake) {
    lease.checkpoint = *write.checkpoint;
    lease.owner_switches = 0;
  }
  if (write.kind == Kind::kRenew) return;
  assert(write.kind == Kind::kRelease || !write.owner.empty());
  if (switches_owner(write)) ++lease.owner_switches;
  lease.owner = write.owner;
  lease.checkpoint_owner.clear();
  if (write.kind == Kind::kRelease && !write.children.empty()) lease.children = as_set(write.children);
}

}  // namespace

std::optional<LeaseRow> apply_write(const LeaseWrite& write, const std::optional<Lease>& row) {
  if (!holds(write, row)) return std::nullopt;
  if (write.kind == Kind::kCreate) return LeaseRow{created(write)};
  if (write.kind == Kind::kDelete || write.kind == Kind::kRemove) return LeaseRow{};
  LeaseRow after{row};
  update(*after.lease, write);
  return after;
}

bool switches_owner(const LeaseWrite& write) {
  const bool gives = write.kind == Kind::kTake || write.kind == Kind::kRelease;
  return gives && !write.from.empty() && !write.owner.empty() && write.from != write.owner;
}

std::vector<std::string> as_set(std::vector<std::string> strings) {
  std::sort(strings.begin(), strings.end());
  strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
  return strings;
}

bool in_share(std::string_view key, LeaseShare share) {
  if (share.shares <= 1) return true;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash >> 32) % share.shares == share.share;
}

Error too_late_to_write(const std::string& key, std::string store) {
  return {.error_class = ErrorClass::kTransient,
          .doing = "write lease " + key,
          .resource = std::move(store),
          .code = "Timeout",
          .message = "no time was left to write it",
          .not_applied = true};
}

}  // namespace dynamirror::coordination
