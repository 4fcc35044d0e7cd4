// SPDX-License-Identifier: Apache-2.0
//
// Goal: one worker keeps to KCL's lease protocol, as its peers see it in the table, and never believes to own what may
// be another's. Method: the worker's jobs are done on a table in memory by a driver that can lose answers and hold
// requests back; rows of peers are written as their versions of KCL write them.
#include "unit/coordination/lease_worker_fixture.hpp"

namespace dynamirror::coordination {
namespace {

TEST_F(LeaseWorkerTest, AFrozenLeaseIsTakenOnlyAfterTheFailOverTime) {
  add("s", "W", 7);
  Player& me = start();
  const SteadyTime first_look = now_;
  while (row("s").owner == "W" && now_ < first_look + 5 * kFailover) pass(50ms);
  EXPECT_GT(now_ - first_look, kFailover);
  EXPECT_LT(now_ - first_look, kFailover * 3 / 2);
  EXPECT_EQ(row("s").owner, kMe);
  EXPECT_EQ(row("s").counter, 8u);
  EXPECT_EQ(row("s").owner_switches, 1u);
  EXPECT_EQ(me.count<Granted>("s"), 1u);
}

TEST_F(LeaseWorkerTest, ALeaseWhoseCounterMovesNeverExpires) {
  add("s", "W", 7);
  Player& me = start();
  // Slower than a well-behaved owner renews; and the two of them have one lease, so nobody may steal it.
  SteadyTime last = now_;
  pass(kFailover * 50, [&] {
    if (now_ - last < kFailover * 8 / 10) return;
    last = now_;
    ++row("s").counter;
  });
  EXPECT_EQ(row("s").owner, "W");
  EXPECT_THAT(table_.done, IsEmpty());
  EXPECT_GT(me.scans, 100u);
}

TEST_F(LeaseWorkerTest, OfTwoWhoTakeALeaseOneGetsIt) {
  add("s");
  Player& one = start(worker_name("1"));
  Player& two = start(worker_name("2"));
  for (Player* player : {&one, &two}) {
    player->perform(player->worker.take_jobs(now_).at(0), now_, now_);  // both see it free
    player->hold_back = true;
    player->go(now_);
    ASSERT_EQ(player->held_back.size(), 1u);
    player->hold_back = false;
  }
  one.perform(one.held_back[0], now_, now_);
  two.perform(two.held_back[0], now_, now_);
  EXPECT_EQ(row("s").owner, worker_name("1"));
  EXPECT_EQ(row("s").counter, 1u);
  EXPECT_EQ(two.worker.held(), 0u);
  pass(kFailover * 3);
  EXPECT_EQ(one.count<Granted>("s"), 1u);
  EXPECT_EQ(two.count<Granted>("s"), 0u);
  for (const auto& write : table_.done) EXPECT_NE(write.owner, worker_name("2"));
}

TEST_F(LeaseWorkerTest, ACheckpointFailsOnceAPeerHasTheLease) {
  Player& me = start_with("s");
  row("s").owner = "W";
  row("s").counter += 1;
  const Lease theirs = row("s");
  me.worker.checkpoint("s", "100");
  pass(kFailover);
  EXPECT_EQ(me.count<Lost>("s"), 1u);
  EXPECT_EQ(me.worker.write_until("s"), std::nullopt);
  EXPECT_EQ(row("s"), theirs);
}

TEST_F(LeaseWorkerTest, ADeletedLeaseIsLostAndNotMadeAgain) {
  Player& me = start_with("s");
  table_.rows.clear();
  me.worker.checkpoint("s", "100");
  pass(kFailover / 2);
  EXPECT_EQ(me.count<Lost>("s"), 1u);
  pass(kFailover * 3);
  EXPECT_THAT(table_.rows, IsEmpty());
}

TEST_F(LeaseWorkerTest, ARenewalWhoseAnswerIsLostKeepsTheLease) {
  Player& me = start_with("s");
  int lost = 0;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kRenew || lost++ % 2 == 1) return std::nullopt;
    return Player::Trouble{.answer = Answer::kUnknown, .lands = true};
  };
  pass(kFailover * 20);
  EXPECT_GT(lost, 50);
  EXPECT_EQ(me.count<Lost>("s"), 0u);
  EXPECT_EQ(me.count<Granted>("s"), 1u);
  EXPECT_EQ(row("s").owner, kMe);
  EXPECT_EQ(me.worker.statistics().conflicts, 0u);
}

TEST_F(LeaseWorkerTest, ARenewalThatAnEarlierAttemptOvertookKeepsTheLease) {
  Player& me = start_with("s");
  int renewals = 0;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.kind != Kind::kRenew || renewals++ > 0) return std::nullopt;
    table_.write(write);  // the attempt of which the client's own retry did not hear
    return std::nullopt;
  };
  pass(kFailover * 2);
  EXPECT_EQ(me.count<Lost>("s"), 0u);
  EXPECT_GT(renewals, 3);
}

TEST_F(LeaseWorkerTest, OneLeaseAtATimeIsStolenUntilTheShareIsReached) {
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) keys.push_back("s" + std::to_string(i));
  for (const auto& key : keys) add(key, "W", 7);
  Player& me = start();
  std::size_t scans = 0;
  const auto theirs = renewing(keys, "W");
  pass(kFailover * 20, [&] {
    theirs();
    const auto stolen = static_cast<std::size_t>(
        std::ranges::count_if(table_.rows, [](const auto& entry) { return entry.second.owner == kMe; }));
    ASSERT_LE(stolen, std::min<std::size_t>(me.scans, 3));
    scans = me.scans;
  });
  EXPECT_GT(scans, 3u);
  EXPECT_EQ(me.worker.held(), 3u);
  EXPECT_EQ(me.worker.statistics().stolen, 3u);
}

TEST_F(LeaseWorkerTest, AStolenLeaseIsGrantedOnlyWhenItsOwnersTimeIsOver) {
  add("s1", "W", 7);
  add("s2", "W", 7);
  Player& me = start();
  const auto theirs = renewing({"s1", "s2"}, "W");
  const auto stolen = [&] { return row("s1").owner == kMe ? "s1" : row("s2").owner == kMe ? "s2" : ""; };
  for (int step = 0; step < 200 && stolen()[0] == 0; ++step) pass(50ms, theirs);
  const std::string key = stolen();
  ASSERT_FALSE(key.empty());
  pass(kFailover - 200ms, theirs);
  EXPECT_EQ(me.count<Granted>(key), 0u);
  pass(400ms, theirs);
  EXPECT_EQ(me.count<Granted>(key), 1u);
}

TEST_F(LeaseWorkerTest, TakingAnExpiredLeaseEndsItsHandOff) {
  add("s", "V", 7).checkpoint_owner = "W";
  start();
  pass(kFailover * 3 / 2);
  EXPECT_EQ(row("s").owner, kMe);
  EXPECT_EQ(row("s").checkpoint_owner, "");
}

TEST_F(LeaseWorkerTest, ALeaseToBeHandedOffIsRenewedDrainedAndAssigned) {
  Player& me = start_with("s");
  row("s").owner = "W";  // KCL 3's leader: the counter does not move
  row("s").checkpoint_owner = kMe;
  pass(kFailover);
  EXPECT_EQ(me.count<WindDown>("s"), 1u);
  EXPECT_EQ(me.count<Lost>("s"), 0u);
  ASSERT_TRUE(me.worker.write_until("s"));
  EXPECT_GT(*me.worker.write_until("s"), now_);
  EXPECT_EQ(row("s").checkpoint_owner, kMe);
  const std::uint64_t counter = row("s").counter;
  EXPECT_GT(counter, 3u);  // it was renewed all along
  me.worker.checkpoint("s", "100");
  me.worker.drained("s");
  me.go(now_);
  EXPECT_EQ(row("s").owner, "W");
  EXPECT_EQ(row("s").checkpoint_owner, "");
  EXPECT_EQ(row("s").checkpoint, "100");
  EXPECT_EQ(row("s").counter, counter + 1);
  EXPECT_EQ(me.worker.held(), 0u);
  EXPECT_EQ(me.worker.statistics().given_away, 1u);
}

TEST_F(LeaseWorkerTest, AFinishedLeaseIsNeitherTakenNorLookedAt) {
  add("s", "W", 7).checkpoint = kShardEnd;
  Player& me = start();
  pass(kFailover * 5);
  EXPECT_THAT(table_.done, IsEmpty());
  EXPECT_EQ(me.looks, 0u);
  EXPECT_EQ(me.count<Granted>("s"), 0u);
}

TEST_F(LeaseWorkerTest, ChildrenAreThereBeforeTheShardIsDone) {
  Player& me = start_with("p");
  me.trouble = [tries = 0](const LeaseWrite& write) mutable -> std::optional<Player::Trouble> {
    if (write.key != "b" || tries++ > 2) return std::nullopt;
    return Player::Trouble{.answer = tries == 1 ? Answer::kNotSent : Answer::kUnknown};
  };
  table_.done.clear();
  const Lease child{.key = "a", .checkpoint = "TRIM_HORIZON", .parents = {"p"}};
  Lease other = child;
  other.key = "b";
  me.worker.finish("p", {child, other});
  EXPECT_EQ(me.worker.write_until("p"), std::nullopt);
  pass(kFailover);
  EXPECT_EQ(me.count<Finished>("p"), 1u);
  const auto order = [&](Kind kind, const std::string& key) {
    return std::ranges::find_if(table_.done, [&](const auto& one) { return one.kind == kind && one.key == key; });
  };
  const auto release = order(Kind::kRelease, "p");
  ASSERT_NE(release, table_.done.end());
  EXPECT_LT(order(Kind::kCreate, "a"), release);
  EXPECT_LT(order(Kind::kCreate, "b"), release);
  EXPECT_EQ(release->checkpoint, kShardEnd);
  EXPECT_THAT(release->children, ElementsAre("a", "b"));
  EXPECT_THAT(row("p").children, ElementsAre("a", "b"));
  EXPECT_EQ(row("p").owner, kMe) << "as KCL leaves it";
  EXPECT_THAT(row("b").parents, ElementsAre("p"));
  EXPECT_EQ(row("a").owner, kMe);
  EXPECT_EQ(me.count<Granted>("a"), 1u);
}

TEST_F(LeaseWorkerTest, ChildrenBeyondTheMostThatOneMayHaveAreLeftToOthers) {
  add("p");
  players_.push_back(std::make_unique<Player>(table_, kMe, now_, 1, 1, 1));
  Player& me = *players_.back();
  pass(1s);
  ASSERT_EQ(me.count<Granted>("p"), 1u);
  me.worker.finish("p", {{.key = "a", .checkpoint = "TRIM_HORIZON"}, {.key = "b", .checkpoint = "TRIM_HORIZON"}});
  pass(5 * kFailover);
  EXPECT_EQ((row("a").owner == kMe) + (row("b").owner == kMe), 1);
}

TEST_F(LeaseWorkerTest, AShardThatIsFinishedTwiceStillWaitsForAllItsChildren) {
  Player& me = start_with("p");
  const auto children = [] {
    return std::vector<Lease>{{.key = "a", .checkpoint = "TRIM_HORIZON", .parents = {"p"}},
                              {.key = "b", .checkpoint = "TRIM_HORIZON", .parents = {"p"}}};
  };
  me.trouble = [](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.key == "a") return std::nullopt;
    return Player::Trouble{.answer = Answer::kNotSent};
  };
  me.worker.finish("p", children());
  pass(kFailover + 1s);  // and the lease with it: it cannot be renewed
  ASSERT_EQ(me.count<Lost>("p"), 1u);
  me.trouble = [](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.key != "b") return std::nullopt;
    return Player::Trouble{.answer = Answer::kNotSent};
  };
  pass(kFailover);
  ASSERT_EQ(me.count<Granted>("p"), 2u);
  me.worker.finish("p", children());
  pass(kFailover * 3);
  EXPECT_EQ(row("p").checkpoint, "TRIM_HORIZON");
  me.trouble = [](const LeaseWrite&) { return std::nullopt; };
  pass(kFailover);
  EXPECT_TRUE(row("p").done());
  EXPECT_EQ(me.count<Finished>("p"), 1u);
}

TEST_F(LeaseWorkerTest, AChildsRowIsCreatedAfterItsParents) {
  Player& me = start();
  int throttled = 0;
  me.trouble = [&](const LeaseWrite& write) -> std::optional<Player::Trouble> {
    if (write.key != "p" || ++throttled > 5) return std::nullopt;
    return Player::Trouble{.answer = Answer::kNotSent};
  };
  const auto create = [](const std::string& key, std::vector<std::string> parents) {
    LeaseWrite write{.kind = Kind::kCreate, .key = key};
    write.checkpoint = "TRIM_HORIZON";
    write.parents = std::move(parents);
    return write;
  };
  me.worker.maintain({create("c", {"p"}), create("p", {})});
  pass(kFailover, [&] { ASSERT_TRUE(!table_.rows.contains("c") || table_.rows.contains("p")); });
  pass(kFailover * 10);
  EXPECT_GT(throttled, 5);
  EXPECT_EQ(me.count<Granted>("p"), 1u);
  EXPECT_EQ(me.count<Granted>("c"), 0u);
  ASSERT_TRUE(table_.rows.contains("c"));
  me.worker.finish("p", {});
  pass(kFailover);
  EXPECT_EQ(me.count<Granted>("c"), 1u);
}

TEST_F(LeaseWorkerTest, ARowIsNotCreatedForAReasonOfLongAgo) {
  // The process slept after its scan; meanwhile a peer created the row, and deleted it when it was finished.
  Player& me = start();
  pass(1s);
  LeaseWrite write{.kind = Kind::kCreate, .key = "s"};
  write.checkpoint = "TRIM_HORIZON";
  me.worker.maintain({write});
  now_ += kFailover * 3;
  pass(kFailover);
  EXPECT_THAT(table_.rows, IsEmpty());
  me.worker.maintain({write});
  pass(1s);
  EXPECT_TRUE(table_.rows.contains("s"));
}

TEST_F(LeaseWorkerTest, AChildWaitsForAParentThatAnotherWorkerHas) {
  add("p", "W", 7);
  add("c").parents = {"p"};
  Player& me = start();
  const auto theirs = renewing({"p"}, "W");
  pass(kFailover * 5, theirs);
  EXPECT_EQ(row("c").owner, kMe);
  EXPECT_EQ(me.count<Granted>("c"), 0u);
  row("p").checkpoint = kShardEnd;
  pass(kFailover, theirs);
  EXPECT_EQ(me.count<Granted>("c"), 1u);
}

TEST_F(LeaseWorkerTest, RowsWithoutOptionalAttributesAreWorkedOn) {
  add("s");
  add("orphan").parents = {"trimmed"};
  Player& me = start();
  pass(1s);
  EXPECT_EQ(me.count<Granted>("s"), 1u);
  EXPECT_EQ(me.count<Granted>("orphan"), 1u);
}

TEST_F(LeaseWorkerTest, AStoppedWorkersLeaseIsNobodysAtOnce) {
  Player& me = start_with("s");
  me.worker.checkpoint("s", "100");
  me.worker.stop();
  me.go(now_);
  EXPECT_EQ(me.count<WindDown>("s"), 1u);
  EXPECT_EQ(row("s").owner, kMe);
  me.worker.drained("s");
  me.go(now_);
  EXPECT_EQ(row("s").owner, "");
  EXPECT_EQ(row("s").checkpoint, "100");
  EXPECT_EQ(me.worker.held(), 0u);
  EXPECT_EQ(me.worker.next_wake(), kNoDeadline);
}

}  // namespace
}  // namespace dynamirror::coordination
