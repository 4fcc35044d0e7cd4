// SPDX-License-Identifier: Apache-2.0
//
// Goal: a copy brings every item of the source to the target, or to the dead-letter file, wherever it was killed or
// stopped on the way, and says so with counters that add up.
// Method: the whole job over sockets between two scripted servers; the tables are compared afterwards.
#include "integration/copy_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CopyTable = CopyTest;

TEST_F(CopyTable, BringsEveryItemToAnEmptyTarget) {
  add_copy_tables(composite());
  Workload(source, {.composite = true, .keys = 500}).put_all();
  const auto ended = copy();
  EXPECT_FALSE(ended.failure) << ended.text();
  EXPECT_EQ(differences(), "");
  const auto& counters = ended.status.counters;
  EXPECT_EQ(counters.read, 500u);
  EXPECT_EQ(counters.applied, 500u);
  EXPECT_EQ(counters.held(), 0u);
  EXPECT_GT(ended.status.scan.consumed_units, 0);
  EXPECT_THAT(source.complaints(), IsEmpty());
  EXPECT_THAT(target.complaints(), IsEmpty());
}

TEST_F(CopyTable, GoesOnWhereItWasKilled) {
  add_copy_tables();
  Workload(source, {.keys = 1'500}).put_all();
  target.set_fault_policy({.min_latency = std::chrono::milliseconds(1), .max_latency = std::chrono::milliseconds(4)});
  Random random(7);
  int kills = 0;
  Ended ended{.killed = true};
  std::uint64_t read = 0;
  while (ended.killed && kills < 50) {
    const std::uint64_t limit = 40 + random.below(400);
    ended = copy(brisk(), [&](Running running) { return running.applied() > limit; });
    kills += ended.killed ? 1 : 0;
    read += ended.status.counters.read;
  }
  EXPECT_GE(kills, 3);
  EXPECT_FALSE(ended.killed);
  EXPECT_FALSE(ended.failure) << ended.text();
  EXPECT_TRUE(ended.status.resumed);
  EXPECT_EQ(differences(), "");
  EXPECT_LT(read, 1'500u * static_cast<std::uint64_t>(kills)) << "what was copied is not copied again";
  EXPECT_THAT(target.complaints(), IsEmpty());
}

TEST_F(CopyTable, SurvivesFaultsOfBothSides) {
  add_copy_tables();
  Workload(source, {.keys = 400}).put_all();
  source.set_fault_policy({.seed = 3,
                           .rate = 0.2,
                           .kinds = {FaultKind::kProvisionedThroughput, FaultKind::kCloseAfter,
                                     FaultKind::kInternalError, FaultKind::kWrongCrc}});
  target.set_fault_policy({.seed = 4,
                           .rate = 0.2,
                           .kinds = {FaultKind::kProvisionedThroughput, FaultKind::kCloseAfter,
                                     FaultKind::kUnprocessedSome, FaultKind::kHalfAnswer}});
  const auto ended = copy();
  EXPECT_FALSE(ended.failure) << ended.text();
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(ended.status.counters.read, 400u);
}

TEST_F(CopyTable, SetsRefusedItemsAside) {
  add_copy_tables();
  Workload(source, {.keys = 50}).put_all();
  put("poison", "1");
  target.refuse_key(kTarget, key_of("poison"));
  const auto ended = copy();
  ASSERT_TRUE(ended.failure) << "the target is no copy";
  EXPECT_EQ(ended.failure->reason, Reason::kPoison) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr("dead letters"));
  EXPECT_EQ(ended.status.counters.dead_lettered, 1u);
  EXPECT_EQ(ended.status.counters.applied, 50u);
  EXPECT_EQ(target.snapshot(kTarget).size(), 50u);
}

TEST_F(CopyTable, EndsAtARefusedItemWhenSoAsked) {
  add_copy_tables();
  put("poison", "1");
  target.refuse_key(kTarget, key_of("poison"));
  without_dead_letters = true;
  const auto ended = copy();
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->reason, Reason::kPoison) << ended.text();
  target.refuse_key(kTarget, key_of("poison"), false);
  without_dead_letters = false;
  EXPECT_FALSE(copy().failure) << "the item is read again";
  EXPECT_EQ(differences(), "");
}

TEST_F(CopyTable, AStopRequestEndsInGoodOrder) {
  add_copy_tables();
  Workload(source, {.keys = 2'000}).put_all();
  target.set_fault_policy({.min_latency = std::chrono::milliseconds(2), .max_latency = std::chrono::milliseconds(4)});
  auto options = brisk();
  options.pipeline.max_bytes = 20'000;  // reading cannot run ahead of the stop
  const auto first = copy(std::move(options), [](Running running) {
    if (running.applied() > 100) running.host.stop().request();
    return false;
  });
  ASSERT_TRUE(first.failure);
  EXPECT_EQ(first.failure->reason, Reason::kStopped);
  EXPECT_EQ(first.status.counters.held(), 0u);
  const auto second = copy();
  EXPECT_FALSE(second.failure) << second.text();
  EXPECT_EQ(first.status.counters.read + second.status.counters.read, 2'000u) << "nothing is read twice";
  EXPECT_EQ(differences(), "");
}

TEST_F(CopyTable, RefusesToResumeWithOtherSegments) {
  add_copy_tables();
  Workload(source, {.keys = 400}).put_all();
  const auto first = copy(brisk(), [](Running running) { return running.applied() > 50; });
  ASSERT_TRUE(first.killed);
  auto options = brisk();
  options.scan.split = 5;
  const auto second = copy(std::move(options));
  ASSERT_TRUE(second.failure);
  EXPECT_EQ(second.failure->reason, Reason::kState);
  EXPECT_THAT(second.text(), HasSubstr("split 4"));
}

}  // namespace
}  // namespace dynamirror::integration
