// SPDX-License-Identifier: Apache-2.0
#include "coordination/node_lease_rules.hpp"

#include "coordination/lease_rules.hpp"

namespace dynamirror::coordination {
namespace {

using Kind = LeaseWrite::Kind;

/// Whether the row may be taken. From a worker of ours by our own protocol alone: whoever takes it has seen it end.
bool is_free(const NodeLeaseRow& row, WallTime now) {
  if (row.lease.owner == kNodeWorker) return now >= row.expires_at + kNodeClockMargin;
  return !row.lease.owner.empty() || now >= row.expires_at;
}

}  // namespace

bool node_write_holds(const LeaseWrite& write, const std::optional<NodeLeaseRow>& row, WallTime now) {
  if (write.kind == Kind::kStartHandOver) return false;
  if (!apply_write(write, row ? std::optional(row->lease) : std::nullopt)) return false;
  return write.kind != Kind::kTake || is_free(*row, now);
}

WallTime node_expiry(const LeaseWrite& write, WallTime now, bool node_lives) {
  if (write.kind == Kind::kCreate) return node_lives ? now + kNodeReservation : WallTime{};
  if (write.kind == Kind::kRelease && write.owner.empty()) return WallTime{};
  return now + kNodeLeaseTime;
}

}  // namespace dynamirror::coordination
