// SPDX-License-Identifier: Apache-2.0
//
// Goal: what an operator does to leases reaches those that were meant, as they were when they were read, and nothing
// else. Method: leases in memory, and a store that lets a worker come between.
#include "jobs/fleet/lease_admin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "coordination/memory_lease_store.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using coordination::Lease;
using coordination::LeaseStore;
using coordination::LeaseWrite;
using Kind = LeaseAction::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Leases in memory; before each of an operator's writes, somebody else may do something.
class Crowded final : public LeaseStore {
 public:
  coordination::MemoryLeaseStore rows{system_clock()};
  std::function<void()> before_write{};
  bool lose_answers = false;

  async::Task<Result<coordination::LeaseRows>> scan(coordination::LeaseShare share) override {
    return rows.scan(share);
  }
  async::Task<Result<std::optional<Lease>>> get(std::string key) override { return rows.get(std::move(key)); }
  async::Task<Result<Outcome>> write(LeaseWrite write, SteadyTime not_after) override {
    if (before_write) before_write();
    const auto outcome = co_await rows.write(std::move(write), not_after);
    if (lose_answers) co_return failure(ErrorClass::kTransient, "write", {}, "no answer");
    co_return outcome;
  }
  std::string describe() const override { return "memory"; }
  Statistics statistics() const override { return rows.statistics(); }
};

class LeaseAdminTest : public ::testing::Test {
 protected:
  void put(const LeaseWrite& write) {
    const auto outcome = support::run_task(store_.rows.write(write, kNoDeadline));
    ASSERT_TRUE(outcome && *outcome == LeaseStore::Outcome::kDone);
  }
  void make(const std::string& key, const std::string& owner) {
    put({.kind = LeaseWrite::Kind::kCreate, .key = key, .checkpoint = "7"});
    if (!owner.empty()) put({.kind = LeaseWrite::Kind::kTake, .key = key, .counter = 0, .owner = owner});
  }
  std::optional<Lease> row(const std::string& key = "a") { return support::run_task(store_.rows.get(key)).value(); }
  LeaseActionResult act(LeaseAction action) {
    const LeaseActing acting{store_, system_clock(), random_};
    auto result = support::run_task(act_on_lease(acting, *row(), std::move(action)));
    EXPECT_TRUE(result);
    return result.value_or(LeaseActionResult{});
  }
  /// Before so many writes of the operator, the owner renews.
  void let_owner_renew(int times) {
    store_.before_write = [this, times]() mutable {
      if (times-- <= 0) return;
      const auto outcome = run_inside({.kind = LeaseWrite::Kind::kRenew, .key = "a", .counter = row_inside().counter});
      EXPECT_EQ(outcome, LeaseStore::Outcome::kDone);
    };
  }
  /// Memory answers at once, also within another loop's turn.
  Lease row_inside() { return support::run_task(store_.rows.get("a")).value().value(); }
  LeaseStore::Outcome run_inside(const LeaseWrite& write) {
    return support::run_task(store_.rows.write(write, kNoDeadline)).value();
  }

  Crowded store_;
  Random random_{1};
};

TEST_F(LeaseAdminTest, ReleasesWithACounterThatTellsTheOwner) {
  make("a", "w");
  const auto result = act({.kind = Kind::kRelease});
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.said, "released (was w's)");
  EXPECT_EQ(*row(), (Lease{.key = "a", .counter = 2, .checkpoint = "7"}));
}

TEST_F(LeaseAdminTest, ReleasesWhatItsOwnerRenewsMeanwhile) {
  make("a", "w");
  let_owner_renew(3);
  EXPECT_TRUE(act({.kind = Kind::kRelease}).done);
  EXPECT_EQ(row()->owner, "");
}

TEST_F(LeaseAdminTest, DoesNotReleaseWhatSomebodyElseHasTaken) {
  make("a", "w");
  store_.before_write = [this] {
    const Lease now = row_inside();
    if (now.owner == "w") {
      run_inside({.kind = LeaseWrite::Kind::kTake, .key = "a", .counter = now.counter, .owner = "v", .from = "w"});
    }
  };
  const auto result = act({.kind = Kind::kRelease});
  EXPECT_FALSE(result.done);
  EXPECT_THAT(result.said, HasSubstr("v has it now"));
  EXPECT_EQ(row()->owner, "v");
}

TEST_F(LeaseAdminTest, SetsTheCheckpointAndFreesTheLease) {
  make("a", "w");
  EXPECT_TRUE(act({.kind = Kind::kSetCheckpoint, .checkpoint = "TRIM_HORIZON"}).done);
  EXPECT_EQ(*row(), (Lease{.key = "a", .counter = 2, .checkpoint = "TRIM_HORIZON"}));
}

TEST_F(LeaseAdminTest, DoesNotSetTheCheckpointOfWhatIsRenewedUnlessItInsists) {
  make("a", "w");
  let_owner_renew(1);
  LeaseAction reset{.kind = Kind::kSetCheckpoint, .checkpoint = "LATEST"};
  EXPECT_FALSE(act(reset).done);
  EXPECT_EQ(row()->checkpoint, "7");
  let_owner_renew(2);
  reset.insist = true;
  EXPECT_TRUE(act(reset).done);
  EXPECT_EQ(row()->checkpoint, "LATEST");
  EXPECT_EQ(row()->owner, "");
}

TEST_F(LeaseAdminTest, RemovesRowsAsTheyWereRead) {
  make("a", "w");
  let_owner_renew(1);
  EXPECT_FALSE(act({.kind = Kind::kRemove}).done);
  EXPECT_TRUE(row());
  store_.before_write = nullptr;
  EXPECT_TRUE(act({.kind = Kind::kRemove}).done);
  EXPECT_FALSE(row());
}

TEST_F(LeaseAdminTest, LooksAfterWritesWhoseAnswerWasLost) {
  make("a", "w");
  store_.lose_answers = true;
  EXPECT_TRUE(act({.kind = Kind::kSetCheckpoint, .checkpoint = "LATEST"}).done);
  EXPECT_EQ(row()->counter, 2u) << "written once";
  EXPECT_TRUE(act({.kind = Kind::kRemove}).done);
}

TEST_F(LeaseAdminTest, GivesUpOnWhatChangesWithEveryAttempt) {
  make("a", "w");
  let_owner_renew(1'000);
  EXPECT_FALSE(act({.kind = Kind::kRelease}).done);
}

TEST(LeaseSelection, FindsByKeyByOwnerAndAll) {
  Lease handed{.key = "c", .owner = "v", .checkpoint_owner = "w"};
  const std::vector<Lease> rows{{.key = "b", .owner = "w"}, {.key = "a", .owner = "v"}, handed};
  const auto keys = [&](const LeaseSelection& selection) {
    std::vector<std::string> found;
    const auto selected = select_leases(rows, selection, "t").value();
    for (const Lease& lease : selected) found.push_back(lease.key);
    return found;
  };
  EXPECT_THAT(keys({.key = "a"}), ElementsAre("a"));
  EXPECT_THAT(keys({.owner = "w"}), ElementsAre("b", "c"));
  EXPECT_THAT(keys({.all = true}), ElementsAre("a", "b", "c"));
  EXPECT_EQ(select_leases(rows, {.key = "x"}, "t").error().error_class, ErrorClass::kNotFound);
  EXPECT_EQ(select_leases(rows, {.owner = "x"}, "t").error().error_class, ErrorClass::kNotFound);
}

TEST(ResetPosition, IsAWordOrASequenceNumber) {
  EXPECT_EQ(parse_reset_position("Trim-Horizon").value(), "TRIM_HORIZON");
  EXPECT_EQ(parse_reset_position("LATEST").value(), "LATEST");
  EXPECT_EQ(parse_reset_position("000123").value(), "000123");
  for (const char* wrong : {"", "SHARD_END", "12a", "-1", "11111111112222222222333333333344444444445"}) {
    EXPECT_FALSE(parse_reset_position(wrong)) << wrong;
  }
}

TEST(ResetPosition, IsForLeasesOfShards) {
  const std::vector<Lease> shards{{.key = "shardId-1", .checkpoint = "SHARD_END"}, {.key = "s", .checkpoint = "12"}};
  EXPECT_TRUE(check_positions(shards, "t"));
  const std::vector<Lease> segments{{.key = "copy/0123/4/1", .checkpoint = "TRIM_HORIZON"}};
  EXPECT_FALSE(check_positions(segments, "t"));
  const std::vector<Lease> strange{{.key = "s", .checkpoint = "AT_TIMESTAMP"}};
  EXPECT_TRUE(check_positions(strange, "t")) << "a reset is what mends it";
}

}  // namespace
}  // namespace dynamirror::jobs
