// SPDX-License-Identifier: Apache-2.0
//
// Goal: every worker comes to its share of the leases, and nothing is taken from who needs it. Method: observations
// made by hand; each test states loads and what the plan must be.
#include "coordination/lease_taking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "support/worker_name.hpp"

namespace dynamirror::coordination {
namespace {

using namespace std::chrono_literals;
using support::worker_name;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Duration kFailover = 10s;
const std::string kMe = worker_name("me");

class LeaseTakingTest : public ::testing::Test {
 protected:
  void add(const std::string& owner, std::size_t leases) {
    for (std::size_t i = 0; i < leases; ++i) {
      const std::string key = "s" + std::to_string(rows_.leases.size());
      rows_.leases.push_back({.key = key, .owner = owner, .checkpoint = "TRIM_HORIZON"});
      if (owner == kMe) mine_.insert(key);
    }
  }

  void finish(const std::string& owner) {
    for (Lease& lease : rows_.leases) {
      if (lease.owner == owner) lease.checkpoint = kShardEnd;
    }
  }

  /// A look at the table; those of the living move between two of them.
  void look(Duration later = {}, const std::string& dead = "nobody") {
    now_ += later;
    for (Lease& lease : rows_.leases) lease.counter += lease.owner == dead ? 0 : 1;
    seen_.observe(rows_, true, now_);
  }

  TakingPlan plan() {
    const Taker taker{.worker = kMe, .mine = mine_, .load = mine_.size(), .may_steal = may_steal_};
    return plan_taking(seen_, taker, now_, options_, random_);
  }

  LeaseRows rows_;
  std::unordered_set<std::string> mine_;
  SteadyTime now_{1000s};
  LeaseObservations seen_{kFailover};
  TakingOptions options_{.failover = kFailover};
  bool may_steal_ = true;
  Random random_{1};
};

TEST_F(LeaseTakingTest, TakesItsShareOfWhatIsFree) {
  add("", 6);
  add(worker_name("1"), 3);
  look();
  EXPECT_THAT(plan().take, SizeIs(5));
}

TEST_F(LeaseTakingTest, TakesAllWhenItIsAlone) {
  add("", 6);
  look();
  EXPECT_THAT(plan().take, SizeIs(6));
  options_.max_leases = 4;
  EXPECT_THAT(plan().take, SizeIs(4));
}

TEST_F(LeaseTakingTest, ASilentOwnersLeasesAreFreeAfterTheFailOverTime) {
  add(worker_name("1"), 2);
  look();
  look(kFailover, worker_name("1"));
  EXPECT_THAT(plan().take, IsEmpty());
  look(1ms, worker_name("1"));
  EXPECT_THAT(plan().take, SizeIs(2));
}

TEST_F(LeaseTakingTest, WhatNobodyTakesForLongIsTakenWhateverTheShare) {
  add(kMe, 4);
  add(worker_name("1"), 2);
  add("", 1);
  rows_.leases.back().owner.clear();
  for (Duration age = 0s; age <= kFailover; age += 1s) {
    for (Lease& lease : rows_.leases) lease.counter += lease.owner.empty() ? 0 : 1;
    seen_.observe(rows_, true, now_ + age);
  }
  now_ += kFailover;
  EXPECT_THAT(plan().take, IsEmpty());
  now_ += 1s;
  seen_.observe(rows_, true, now_);
  EXPECT_THAT(plan().take, SizeIs(1));
}

TEST_F(LeaseTakingTest, NothingIsTakenFromLivingWorkersOfAnotherMake) {
  // KCL's workers are named by their host, and one of ours may be KCL's child there: <host>:<UUID>.
  for (const std::string owner : {"W", "dynamirror-0:6f0c1e3a-9b1d-4c52-8a77-000000000001", "dynamirror-0"}) {
    add(owner, 6);
  }
  look();
  const TakingPlan one = plan();
  EXPECT_THAT(one.take, IsEmpty());
  EXPECT_THAT(one.steal, IsEmpty());
  EXPECT_THAT(one.hand_over, IsEmpty());
  EXPECT_TRUE(one.balanced);
}

TEST_F(LeaseTakingTest, OursAreEvenAmongThemselvesWhateverKclHas) {
  add("W", 20);
  add(worker_name("1"), 4);
  look();
  EXPECT_THAT(plan().hand_over, SizeIs(2));
}

TEST_F(LeaseTakingTest, OneIsStolenFromKclThoughMoreAreDue) {
  options_.max_steals = 1;
  add("W", 6);
  look();
  const TakingPlan one = plan();
  EXPECT_THAT(one.steal, SizeIs(1));
  EXPECT_THAT(one.hand_over, IsEmpty());
  EXPECT_FALSE(one.balanced);
}

TEST_F(LeaseTakingTest, OursAreAskedForAllThatIsDue) {
  add(worker_name("1"), 6);
  look();
  EXPECT_THAT(plan().hand_over, SizeIs(3));
  EXPECT_THAT(plan().steal, IsEmpty());
}

TEST_F(LeaseTakingTest, NothingIsAskedForWhereLeasesAreNotHandedOver) {
  add(worker_name("1"), 6);
  look();
  options_.hands_over = false;
  EXPECT_THAT(plan().hand_over, IsEmpty());
  EXPECT_TRUE(plan().balanced) << "there is nothing to look out for";
}

TEST_F(LeaseTakingTest, NothingIsAskedForWhileSomethingIsFree) {
  add(worker_name("1"), 6);
  add("", 1);
  look();
  EXPECT_THAT(plan().take, SizeIs(1));
  EXPECT_THAT(plan().hand_over, IsEmpty());
}

TEST_F(LeaseTakingTest, APartOfTheTableIsNoGroundForStealing) {
  add(worker_name("1"), 6);
  look();
  may_steal_ = false;
  EXPECT_THAT(plan().hand_over, IsEmpty());
}

TEST_F(LeaseTakingTest, FinishedLeasesAreNeitherTakenNorCounted) {
  add("W", 6);
  finish("W");
  add(worker_name("1"), 2);
  look();
  const TakingPlan one = plan();
  EXPECT_THAT(one.take, IsEmpty());
  EXPECT_THAT(one.hand_over, SizeIs(1));
}

TEST_F(LeaseTakingTest, BesideKclFinishedLeasesCountAsKclCountsThem) {
  add(kMe, 4);
  finish(kMe);
  mine_.clear();
  add(kMe, 2);
  add("", 2);
  add("W", 4);
  look();
  EXPECT_THAT(plan().take, IsEmpty()) << "6 of 12 are ours";
  rows_.leases.resize(8);
  add("", 6);
  add("W", 4);
  seen_ = LeaseObservations(kFailover);
  look();
  EXPECT_THAT(plan().take, SizeIs(3)) << "9 of 18, of which 4 are finished";
}

TEST_F(LeaseTakingTest, AmongOursAloneFinishedLeasesDoNotCount) {
  add(kMe, 4);
  finish(kMe);
  mine_.clear();
  add("", 2);
  add(worker_name("1"), 2);
  look();
  EXPECT_THAT(plan().take, SizeIs(2));
}

TEST_F(LeaseTakingTest, WhatIsComingToUsIsCountedAndNotTaken) {
  add(kMe, 2);
  mine_.clear();
  for (Lease& lease : rows_.leases) lease.checkpoint_owner = worker_name("1");
  add(worker_name("1"), 2);
  look();
  const TakingPlan one = plan();
  EXPECT_THAT(one.take, IsEmpty());
  EXPECT_THAT(one.hand_over, SizeIs(2));
  EXPECT_TRUE(std::ranges::all_of(one.hand_over, [](const Lease& lease) { return lease.owner == kMe; }));
}

/// All workers take turns on one table until nobody wants anything: then loads differ by one at most, and it stays so.
TEST(LeaseTaking, EndsWithLoadsThatDifferByOneAtMost) {
  for (std::size_t workers = 1; workers <= 9; ++workers) {
    for (std::size_t leases = 1; leases <= 40; ++leases) {
      Random random(leases * 100 + workers);
      std::map<std::string, Lease> rows;
      for (std::size_t i = 0; i < leases; ++i) {
        const std::string key = "s" + std::to_string(i);
        rows[key] = {.key = key, .owner = worker_name("0"), .checkpoint = "TRIM_HORIZON"};
      }
      bool quiet = false;
      for (int round = 0; round < 60 && !quiet; ++round) {
        quiet = true;
        for (std::size_t w = 0; w < workers; ++w) {
          const std::string me = worker_name(std::to_string(w));
          LeaseObservations seen(kFailover);
          Taker taker{.worker = me, .may_steal = true};
          for (const auto& [key, lease] : rows) {
            seen.observe(lease, SteadyTime{1s});
            if (lease.owner == me) taker.mine.insert(key);
          }
          taker.load = taker.mine.size();
          const auto plan = plan_taking(seen, taker, SteadyTime{1s}, {.failover = kFailover}, random);
          quiet = quiet && plan.balanced;
          for (const Lease& lease : plan.hand_over) rows[lease.key].owner = me;
        }
      }
      ASSERT_TRUE(quiet) << workers << " workers, " << leases << " leases";
      std::map<std::string, std::size_t> loads;
      for (std::size_t w = 0; w < workers; ++w) loads[worker_name(std::to_string(w))] = 0;
      for (const auto& [key, lease] : rows) ++loads[lease.owner];
      const auto [least, most] = std::ranges::minmax_element(loads, {}, [](const auto& load) { return load.second; });
      ASSERT_LE(most->second - least->second, 1u) << workers << " workers, " << leases << " leases";
    }
  }
}

}  // namespace
}  // namespace dynamirror::coordination
