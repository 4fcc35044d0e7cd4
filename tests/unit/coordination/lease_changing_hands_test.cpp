// SPDX-License-Identifier: Apache-2.0
//
// Goal: a lease that changes hands, or whose writes are in doubt, is never worked on by two, and never forgotten.
// Method: as in lease_worker_test.cpp.
#include "unit/coordination/lease_worker_fixture.hpp"

namespace dynamirror::coordination {
namespace {

TEST_F(LeaseWorkerTest, AWorkerOfOursIsAskedAndFinishesFirst) {
  add("s1");
  add("s2");
  Player& one = start(worker_name("1"));
  pass(2s);
  ASSERT_EQ(one.worker.held(), 2u);
  Player& two = start(worker_name("2"));
  pass(kFailover * 2);
  const std::string key = one.count<WindDown>("s1") > 0 ? "s1" : "s2";
  EXPECT_EQ(one.count<WindDown>("s1") + one.count<WindDown>("s2"), 1u);
  EXPECT_EQ(row(key).checkpoint_owner, worker_name("1"));
  EXPECT_EQ(two.count<Granted>(key), 0u);
  one.worker.checkpoint(key, "100");
  one.worker.drained(key);
  pass(2s);
  ASSERT_EQ(two.count<Granted>(key), 1u);
  EXPECT_EQ(row(key).checkpoint, "100");
  EXPECT_EQ(one.count<Lost>(key), 0u);
}

TEST_F(LeaseWorkerTest, AnOwnerWhoDoesNotFinishLosesTheLeaseAndItsTimeIsWaitedFor) {
  add("s1");
  add("s2");
  Player& one = start(worker_name("1"));
  pass(2s);
  Player& two = start(worker_name("2"));
  pass(kFailover * 8, [&] {
    for (const std::string key : {"s1", "s2"}) {
      const bool permitted = one.worker.write_until(key).value_or(SteadyTime::min()) > now_;
      ASSERT_FALSE(permitted && two.count<Granted>(key) > 0);
    }
  });
  EXPECT_EQ(two.count<Granted>("s1") + two.count<Granted>("s2"), 1u);
  EXPECT_EQ(one.count<Lost>("s1") + one.count<Lost>("s2"), 1u);
}

TEST_F(LeaseWorkerTest, AHandOverThatWasAskedForUnseenIsWaitedFor) {
  // Our request landed after we had given up on it, and the owner works on.
  add("s", kMe, 7).checkpoint_owner = worker_name("1");
  Player& me = start();
  const auto theirs = renewing({"s"}, kMe);
  pass(kFailover * 2, theirs);
  EXPECT_EQ(me.count<Granted>("s"), 0u);
  EXPECT_EQ(row("s").checkpoint_owner, worker_name("1"));
  row("s").checkpoint_owner.clear();
  row("s").counter += 1;
  pass(kFailover / 2);
  EXPECT_EQ(me.count<Granted>("s"), 1u);
}

TEST_F(LeaseWorkerTest, AStealThatLandsUnseenIsNotWorkedOnAtOnce) {
  add("s1", "W", 7);
  add("s2", "W", 7);
  Player& me = start();
  std::optional<LeaseWrite> late;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kTake || late) return std::nullopt;
    late = write;
    return Player::Trouble{.answer = Answer::kUnknown};
  };
  const auto theirs = renewing({"s1", "s2"}, "W");
  for (int step = 0; step < 20 && !late; ++step) pass(50ms, theirs);
  ASSERT_TRUE(late);
  pass(kFailover / 6, theirs);  // it has looked, and given up
  ASSERT_TRUE(table_.write(*late));
  pass(kFailover * 9 / 10, theirs);
  EXPECT_EQ(me.count<Granted>(late->key), 0u);
  pass(kFailover * 2, theirs);
  EXPECT_EQ(me.count<Granted>(late->key), 1u);
}

TEST_F(LeaseWorkerTest, AStolenLeaseIsNotGivenAwayBeforeItsOwnersTimeIsOver) {
  add("s1", "W", 7);
  add("s2", "W", 7);
  Player& me = start();
  const auto theirs = renewing({"s1", "s2"}, "W");
  for (int step = 0; step < 200 && me.worker.held() == 0; ++step) pass(50ms, theirs);
  const std::string key = row("s1").owner == kMe ? "s1" : "s2";
  ASSERT_EQ(row(key).owner, kMe);
  me.worker.stop();
  pass(kFailover - 200ms, theirs);
  EXPECT_EQ(row(key).owner, kMe);
  pass(400ms, theirs);
  EXPECT_EQ(row(key).owner, "");
  EXPECT_EQ(me.worker.held(), 0u);
}

TEST_F(LeaseWorkerTest, ALeaseThatTookLongToFinishIsGivenToNobodyInParticular) {
  Player& me = start_with("s");
  row("s").owner = worker_name("dead");
  row("s").checkpoint_owner = kMe;
  pass(kFailover * 2);
  me.worker.drained("s");
  me.go(now_);
  EXPECT_EQ(row("s").owner, "");
}

TEST_F(LeaseWorkerTest, ATakeThatSucceedsAfterThrottlesIsKept) {
  add("s");
  Player& me = start();
  me.trouble = [tries = 0](const LeaseWrite&) mutable -> std::optional<Player::Trouble> {
    return tries++ < 4 ? std::optional(Player::Trouble{.answer = Answer::kNotSent}) : std::nullopt;
  };
  pass(kFailover);
  EXPECT_EQ(me.count<Granted>("s"), 1u);
  EXPECT_EQ(table_.done_to("s").front().kind, Kind::kTake);
  EXPECT_EQ(table_.done_to("s")[1].kind, Kind::kRenew);
}

TEST_F(LeaseWorkerTest, ALeaseCountsFromTheFirstWriteThatMayHaveLanded) {
  Player& me = start_with("s");
  std::vector<LeaseWrite> in_doubt;
  std::vector<SteadyTime> begun;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (in_doubt.size() >= 2) return std::nullopt;
    in_doubt.push_back(write);
    begun.push_back(now_);
    // The first one lands after it was looked for, just before the second one, whose answer is lost, too.
    if (in_doubt.size() == 2) table_.write(in_doubt[0]);
    return Player::Trouble{.answer = Answer::kUnknown};
  };
  while (in_doubt.size() < 2) pass(50ms);
  ASSERT_LT(begun[0], begun[1]);
  me.go(me.worker.next_wake());
  EXPECT_EQ(me.worker.write_until("s"), begun[0] + kFailover * 7 / 8);
}

TEST_F(LeaseWorkerTest, AWorkerThatCannotRenewStopsWritingBeforeAnotherMayTakeTheLease) {
  Player& me = start_with("s");
  Player& other = start(worker_name("other"));
  me.trouble = [](const LeaseWrite&) { return Player::Trouble{.answer = Answer::kUnknown}; };
  pass(kFailover * 3, [&] {
    const bool permitted = me.worker.write_until("s").value_or(SteadyTime::min()) > now_;
    ASSERT_FALSE(permitted && other.count<Granted>("s") > 0);
  });
  EXPECT_EQ(me.count<Lost>("s"), 1u);
  EXPECT_EQ(other.count<Granted>("s"), 1u);
}

TEST_F(LeaseWorkerTest, ATakeInDoubtIsNotMistakenForAnEarlierOneOfOurs) {
  add("s");
  Player& me = start();
  std::vector<LeaseWrite> in_doubt;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kTake || in_doubt.size() >= 2) return std::nullopt;
    in_doubt.push_back(write);
    return Player::Trouble{.answer = Answer::kUnknown};
  };
  while (in_doubt.size() < 2) pass(50ms);
  table_.write(in_doubt[0]);
  pass(kFailover / 2);
  ASSERT_EQ(me.count<Granted>("s"), 1u);
  EXPECT_EQ(table_.done[1].kind, Kind::kRenew);
  ASSERT_TRUE(me.worker.write_until("s"));
}

TEST_F(LeaseWorkerTest, ATakeInDoubtIsNotMistakenForTheReleaseOfTheOwnerWhoFinished) {
  // The owner seems dead in the middle of a hand-over; it gives the lease to us after all, long before we look again.
  add("s", kMe, 7).checkpoint_owner = worker_name("1");
  Player& me = start();
  SteadyTime released{};
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kTake || released != SteadyTime{}) return std::nullopt;
    released = now_;
    LeaseWrite release{.kind = Kind::kRelease, .key = "s", .counter = 7, .owner = kMe, .from = kMe};
    release.checkpoint = "100";
    table_.write(release);
    return Player::Trouble{.answer = Answer::kUnknown};
  };
  pass(kFailover * 3, [&] {
    if (released == SteadyTime{} || me.count<Granted>("s") > 0) return;
    EXPECT_EQ(table_.done.back().kind, Kind::kRelease);
  });
  ASSERT_EQ(me.count<Granted>("s"), 1u);
  EXPECT_EQ(table_.done[1].kind, Kind::kRenew);  // which proves that it is ours, and since when
  for (const auto& event : me.events) {
    const auto* granted = std::get_if<Granted>(&event);
    EXPECT_TRUE(granted == nullptr || granted->lease.checkpoint == "100");
  }
}

TEST_F(LeaseWorkerTest, ALeaseThatKclTookInTheMiddleOfAHandOverIsLost) {
  Player& me = start_with("s");
  row("s").owner = worker_name("1");
  row("s").checkpoint_owner = kMe;
  pass(kFailover / 2);
  ASSERT_EQ(me.count<WindDown>("s"), 1u);
  row("s").owner = "W";  // KCL 2 knows of no checkpoint owner, and leaves it
  row("s").counter += 1;
  pass(kFailover / 2);
  EXPECT_EQ(me.count<Lost>("s"), 1u);
  EXPECT_EQ(row("s").owner, "W");
}

TEST_F(LeaseWorkerTest, AFinishedLeaseIsRenewedAsLongAsKclLivesBesideIt) {
  add("k", "W", 7);
  Player& me = start_with("s");
  me.worker.finish("s", {});
  const auto theirs = renewing({"k"}, "W");
  SteadyTime moved = now_;
  std::uint64_t counter = 0;
  pass(kFailover * 20, [&] {
    theirs();
    if (std::exchange(counter, row("s").counter) != row("s").counter) moved = now_;
    ASSERT_LT(now_ - moved, kFailover) << "KCL would take it";
  });
  EXPECT_EQ(row("s").owner, kMe);
  EXPECT_EQ(row("s").checkpoint, kShardEnd);
  EXPECT_EQ(row("k").owner, "W");

  LeaseWrite remove{.kind = Kind::kDelete, .key = "s", .counter = 1};
  me.worker.maintain({remove});  // as of rows that were read before the last renewal
  pass(1s, theirs);
  EXPECT_FALSE(table_.rows.contains("s"));
}

TEST_F(LeaseWorkerTest, AFinishedLeaseIsNotRenewedAmongOurs) {
  add("t");
  Player& me = start_with("s");
  start(worker_name("1"));
  me.worker.finish("s", {});
  pass(1s);
  ASSERT_TRUE(row("s").done());
  const std::uint64_t counter = row("s").counter;
  pass(kFailover * 10);
  EXPECT_EQ(row("s").counter, counter);
}

TEST_F(LeaseWorkerTest, AFinishedLeaseIsNotHandedOver) {
  add("s1");
  add("s2");
  Player& one = start(worker_name("1"));
  pass(2s);
  Player& two = start(worker_name("2"));
  std::optional<LeaseWrite> late;
  two.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kStartHandOver || late) return std::nullopt;
    late = write;
    return Player::Trouble{.answer = Answer::kUnknown};
  };
  while (!late) pass(50ms);
  one.worker.finish(late->key, {});
  one.go(now_);
  ASSERT_TRUE(row(late->key).done());
  EXPECT_FALSE(table_.write(*late)) << "its owner's name is still there";
  pass(kFailover * 3);
  EXPECT_EQ(two.count<Granted>(late->key), 0u);
}

TEST_F(LeaseWorkerTest, TheAnswerToTheEndOfAShardMayBeLost) {
  Player& me = start_with("s");
  me.trouble = [](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kRelease) return std::nullopt;
    return Player::Trouble{.answer = Answer::kUnknown, .lands = true};
  };
  table_.done.clear();
  me.worker.finish("s", {});
  pass(kFailover);
  EXPECT_EQ(me.count<Finished>("s"), 1u);
  EXPECT_EQ(std::ranges::count(table_.done, Kind::kRelease, &LeaseWrite::kind), 1);
}

TEST_F(LeaseWorkerTest, ALossSaysWhy) {
  Player& me = start_with("s");
  const auto reason = [&] {
    for (const auto& event : me.events) {
      if (const auto* lost = std::get_if<Lost>(&event)) return lost->reason;
    }
    return std::string();
  };
  me.trouble = [](const LeaseWrite&) { return Player::Trouble{.answer = Answer::kUnknown}; };
  pass(kFailover * 3 / 2);
  EXPECT_EQ(reason(), "it could not be renewed in time");

  me.trouble = [](const LeaseWrite&) { return std::nullopt; };
  pass(kFailover);
  ASSERT_EQ(row("s").owner, kMe);
  me.events.clear();
  row("s").owner = "W";
  row("s").counter += 1;
  pass(kFailover / 2);
  EXPECT_EQ(reason(), "W has taken it");
}

TEST_F(LeaseWorkerTest, TimeThatPassedWhileTheMachineSleptCountsAgainstEveryLease) {
  Player& me = start_with("s");
  const auto before = me.worker.write_until("s");
  me.worker.slept(kFailover / 2, now_);
  EXPECT_EQ(*me.worker.write_until("s"), *before - kFailover / 2);
  me.worker.slept(kFailover, now_);
  pass(50ms);
  EXPECT_EQ(me.count<Lost>("s"), 1u) << "no renewal brings back what may be another's";
}

}  // namespace
}  // namespace dynamirror::coordination
