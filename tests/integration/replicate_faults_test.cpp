// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever fails meanwhile, be it the network, the services or this process, the tables are equal in the end and
// each key has gone through its changes in order.
// Method: seeded faults on both servers; kills at random moments (nothing of the run is saved any more) with restarts
// on the same files; the tables and write logs are compared afterwards.
#include "base/random.hpp"
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::IsEmpty;

/// All but expired tokens, which two times in a row mean that credentials are really gone.
std::vector<FaultKind> random_faults() {
  std::vector<FaultKind> kinds = support::survivable_fault_kinds();
  std::erase(kinds, FaultKind::kExpiredToken);
  return kinds;
}

class UnderFaults : public ReplicateTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(UnderFaults, TheTablesAreEqualInTheEnd) {
  add_tables(4);
  source.configure([](support::Service::Options& options) { options.records_per_page = 20; });
  Workload(source, {.keys = 60, .seed = GetParam()}).change(1'500);
  source.set_fault_policy({.seed = GetParam(), .rate = 0.07, .kinds = random_faults()});
  target.set_fault_policy({.seed = GetParam() + 100, .rate = 0.1, .kinds = random_faults()});
  for (DynamoDbStandin* server : {&source, &target}) {
    server->fail_next({.kind = FaultKind::kExpiredToken, .times = 1, .after = 8});
  }
  target.throttle_key(kTarget, R"({"id":{"S":"kéy \"\\ 7"}})", 3);

  auto run = make_run();
  run.options.seed = GetParam();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, records()) << "no fault makes a change come twice: " << ended.text();
  expect_in_step(ended);
}

INSTANTIATE_TEST_SUITE_P(Seeds, UnderFaults, ::testing::Values(1, 2, 3, 4));

using Interrupted = ReplicateTest;

TEST_F(Interrupted, TwentyKillsAtRandomMomentsLoseNothing) {
  add_tables(2);
  source.configure([](support::Service::Options& options) { options.records_per_page = 10; });
  // Writes are under way for many checkpoints: one that is too early would be on disk at the kill.
  target.set_fault_policy({.min_latency = std::chrono::milliseconds(5), .max_latency = std::chrono::milliseconds(120)});
  constexpr int kKills = 20;
  // So many keys that a lost change is seldom made good by a later one of its key.
  Workload workload(source, {.keys = 3'000, .seed = 9});
  workload.change(300);
  Random random(11);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.checkpoint_interval = std::chrono::milliseconds(2);
  for (int kill = 0; kill < kKills; ++kill) {
    if (kill % 7 == 3) source.split_all_shards(kSource);
    const std::uint64_t after_changes = 5 + random.below(80);
    const auto ended = run.run([&](ReplicationRun::Live& live) {
      workload.change(5);
      if (live.status().counters.read >= after_changes) live.kill();
    });
    ASSERT_TRUE(ended.killed) << ended.text();
  }
  target.clear_faults();
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  expect_in_step(last, kKills);
}

TEST_F(Interrupted, KillsBeforeTheFirstCheckpointLoseNothing) {
  add_tables(3);
  Workload workload(source, {.keys = 20});
  workload.change(100);
  source.split_all_shards(kSource);
  workload.change(100);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.checkpoint_interval = std::chrono::hours(1);
  for (int kill = 0; kill < 3; ++kill) {
    const auto ended = run.run([](ReplicationRun::Live& live) {
      if (live.status().counters.applied > 0) live.kill();
    });
    ASSERT_TRUE(ended.killed) << ended.text();
  }
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  expect_in_step(last, 3);
}

TEST_F(Interrupted, NoCheckpointPassesAChangeThatTheTargetHasNot) {
  add_tables(1);
  put("stuck", "1");
  for (int i = 0; i < 50; ++i) put("k" + std::to_string(i), "1");
  target.throttle_key(kTarget, key_of("stuck"), 1'000'000);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  const auto killed = run.run([](ReplicationRun::Live& live) {
    const auto& counters = live.status().counters;
    if (counters.applied == 50 && live.status().retries >= 2) live.kill();
  });
  ASSERT_TRUE(killed.killed) << killed.text();
  for (const auto& row : run.rows()) EXPECT_EQ(model::to_string(row.checkpoint), "TRIM_HORIZON");

  target.throttle_key(kTarget, key_of("stuck"), 1);
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  EXPECT_EQ(last.status.counters.read, 51u);
  expect_in_step(last, 1);
}

TEST_F(Interrupted, AStopUnderLoadEndsSoonAndRepeatsNothing) {
  add_tables(4);
  source.configure([](support::Service::Options& options) { options.records_per_page = 50; });
  target.set_fault_policy({.min_latency = std::chrono::milliseconds(5), .max_latency = std::chrono::milliseconds(30)});
  Workload workload(source, {.keys = 300});
  workload.change(4'000);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.pipeline.max_bytes = 64u << 10;  // a hundredth of the changes: the stop comes in their midst
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (live.status().counters.applied > 100) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_LT(ended.stop_took, 5 * kSecond);
  EXPECT_EQ(ended.status.counters.held(), 0u) << ended.text();
  EXPECT_LT(ended.status.counters.read, records()) << "the stop came too late to test anything";

  run.options.job.stop_when_caught_up = true;
  const auto rest = run.run();
  EXPECT_TRUE(rest.ok()) << rest.text();
  EXPECT_EQ(ended.status.counters.read + rest.status.counters.read, records());
  expect_in_step(rest);
}

TEST_F(Interrupted, AStopWithAFrozenTargetSaysThatItIsEarly) {
  add_tables(1);
  for (int i = 0; i < 60; ++i) put("k" + std::to_string(i), "1");
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.drain_timeout = std::chrono::milliseconds(300);
  for (const char* operation : {"BatchWriteItem", "PutItem", "DeleteItem"}) {
    target.fail_next({.kind = FaultKind::kFreeze, .operation = operation, .times = 1'000, .after = 2});
  }
  const auto ended = run.run([](ReplicationRun::Live& live) {
    if (live.status().counters.read == 60) live.request_stop();
  });
  EXPECT_EQ(ended.reason, Reason::kStopped) << ended.text();
  EXPECT_GT(ended.status.counters.held(), 0u);
  EXPECT_LT(ended.stop_took, 5 * kSecond);

  target.clear_faults();
  run.options.job.stop_when_caught_up = true;
  const auto rest = run.run();
  EXPECT_TRUE(rest.ok()) << rest.text();
  expect_in_step(rest, 1);
}

TEST_F(Interrupted, AStateFileThatCannotBeWrittenStopsTheJob) {
  add_tables(1);
  Workload workload(source, {.keys = 20});
  workload.change(200);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.before_save = [](std::span<const model::ShardCheckpoint> rows) -> Status {
    if (std::holds_alternative<model::TrimHorizon>(rows.front().checkpoint)) return {};
    return failure(ErrorClass::kFatal, "write state file", "state", "no space left on device");
  };
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kState) << ended.text();
  EXPECT_THAT(ended.text(), ::testing::HasSubstr("no space left"));
  for (const auto& row : run.rows()) EXPECT_EQ(model::to_string(row.checkpoint), "TRIM_HORIZON");

  run.options.before_save = {};
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  expect_in_step(last, 1);
}

TEST_F(Interrupted, NothingIsReadBeforeItsShardIsInTheStateFile) {
  add_tables(1);
  put("a", "1");
  auto run = make_run();
  run.options.before_save = [](std::span<const model::ShardCheckpoint>) -> Status {
    return failure(ErrorClass::kFatal, "write state file", "state", "no space left on device");
  };
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kState) << ended.text();
  EXPECT_EQ(ended.status.counters.read, 0u);
  EXPECT_THAT(target.writes(kTarget), IsEmpty());
}

}  // namespace
}  // namespace dynamirror::integration
