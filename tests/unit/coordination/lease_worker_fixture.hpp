// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordination/lease_worker.hpp"
#include "support/worker_name.hpp"
#include "unit/coordination/lease_play.hpp"

namespace dynamirror::coordination {

using Kind = LeaseWrite::Kind;
using Granted = LeaseWorker::Granted;
using Lost = LeaseWorker::Lost;
using WindDown = LeaseWorker::WindDown;
using Finished = LeaseWorker::Finished;
using Answer = LeaseWorker::Answer;
using support::worker_name;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

inline constexpr Duration kFailover = Player::kFailover;
inline const std::string kMe = worker_name("me");

/// Workers on a table in memory, in virtual time.
class LeaseWorkerTest : public ::testing::Test {
 protected:
  Lease& row(const std::string& key) { return table_.rows.at(key); }

  /// A row as KCL creates it.
  Lease& add(const std::string& key, const std::string& owner = {}, std::uint64_t counter = 0) {
    return table_.rows[key] = Lease{.key = key, .owner = owner, .counter = counter, .checkpoint = "TRIM_HORIZON"};
  }

  Player& start(const std::string& id = kMe) {
    players_.push_back(std::make_unique<Player>(table_, id, now_, players_.size() + 1));
    return *players_.back();
  }

  void pass(Duration time, const std::function<void()>& each = [] {}) {
    std::vector<Player*> all;
    for (const auto& one : players_) all.push_back(one.get());
    coordination::pass(now_, time, all, each);
  }

  /// A worker that owns `key` and works on it.
  Player& start_with(const std::string& key) {
    add(key);
    Player& me = start();
    pass(1s);
    EXPECT_EQ(me.count<Granted>(key), 1u);
    return me;
  }

  /// Renews as an owner of another kind does.
  std::function<void()> renewing(const std::vector<std::string>& keys, const std::string& owner) {
    return [this, keys, owner, last = now_]() mutable {
      if (now_ - last < kFailover / 3) return;
      last = now_;
      for (const auto& key : keys) row(key).counter += row(key).owner == owner ? 1 : 0;
    };
  }

  LeaseTable table_;
  SteadyTime now_{1000s};
  std::vector<std::unique_ptr<Player>> players_;
};

}  // namespace dynamirror::coordination
