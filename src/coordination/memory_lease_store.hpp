// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>

#include "coordination/lease_rules.hpp"
#include "coordination/lease_store.hpp"

namespace dynamirror::coordination {

/// Remembers leases until it is destroyed: for tests and simulation, where several workers share one instance. Answers
/// at once, without suspension. Not thread-safe.
class MemoryLeaseStore final : public LeaseStore {
 public:
  /// REQUIRES: clock outlives the store.
  explicit MemoryLeaseStore(const Clock& clock) : clock_(clock) {}

  [[nodiscard]] async::Task<Result<LeaseRows>> scan(LeaseShare share) override {
    ++statistics_.requests;
    LeaseRows rows;
    for (const auto& [key, lease] : rows_) {
      if (in_share(key, share)) rows.leases.push_back(lease);
    }
    co_return rows;
  }

  [[nodiscard]] async::Task<Result<std::optional<Lease>>> get(std::string key) override {
    ++statistics_.requests;
    co_return find(key);
  }

  [[nodiscard]] async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) override {
    if (clock_.steady_now() >= not_after) co_return std::unexpected(too_late_to_write(write.key, describe()));
    ++statistics_.requests;
    auto after = apply_write(write, find(write.key));
    if (!after) co_return Outcome::kConflict;
    if (after->lease) {
      rows_.insert_or_assign(write.key, std::move(*after->lease));
    } else {
      rows_.erase(write.key);
    }
    co_return Outcome::kDone;
  }

  [[nodiscard]] std::string describe() const override { return "memory"; }
  [[nodiscard]] Statistics statistics() const override { return statistics_; }

 private:
  [[nodiscard]] std::optional<Lease> find(const std::string& key) const {
    const auto row = rows_.find(key);
    if (row == rows_.end()) return std::nullopt;
    return row->second;
  }

  const Clock& clock_;
  std::map<std::string, Lease> rows_;
  Statistics statistics_;
};

}  // namespace dynamirror::coordination
