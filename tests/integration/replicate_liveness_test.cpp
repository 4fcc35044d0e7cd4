// SPDX-License-Identifier: Apache-2.0
//
// Goal: the job is never alive and useless; it ends when nothing moves or can move again, and only then. While it lives
// it is quick, and costs no more than it was allowed. Method: servers that freeze, refuse, slow down or throttle in
// mid-run.
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Liveness : public ReplicateTest {
 protected:
  static constexpr milliseconds kStallTimeout{800};
  static constexpr milliseconds kSlack{15'000};  // for a busy machine; the tests' own time limit is far above

  [[nodiscard]] ReplicationRun make_impatient_run() {
    auto run = make_run();
    run.options.job.stop_when_caught_up = false;
    run.options.job.pipeline.stall_timeout = kStallTimeout;
    return run;
  }
  static void freeze(DynamoDbStandin& server, const std::vector<std::string>& operations, int after = 0) {
    for (const std::string& operation : operations) {
      server.fail_next({.kind = FaultKind::kFreeze, .operation = operation, .times = 1'000'000, .after = after});
    }
  }
  static void expect_stalled(const ReplicationRun::Ended& ended, const std::string& what) {
    EXPECT_EQ(ended.reason, Reason::kStalled) << ended.text();
    EXPECT_THAT(ended.text(), AllOf(HasSubstr(what), HasSubstr("--stall-timeout")));
    EXPECT_LT(ended.took, kStallTimeout + kSlack);
  }
};

TEST_F(Liveness, AFrozenTargetIsAStall) {
  add_tables();
  put("a", "1");
  auto run = make_impatient_run();
  freeze(target, {"PutItem", "DeleteItem"}, 1);  // the first is the preflight's
  const auto ended = run.run();
  expect_stalled(ended, "write changes of shard " + source.open_shards(kSource).front());
}

TEST_F(Liveness, ATargetThatThrottlesForEverIsAStall) {
  add_tables();
  put("a", "1");
  target.throttle_key(kTarget, key_of("a"), 1'000'000);
  auto run = make_impatient_run();
  const auto ended = run.run();
  expect_stalled(ended, "ProvisionedThroughputExceededException");
}

TEST_F(Liveness, AFrozenSourceIsAStall) {
  add_tables();
  put("a", "1");
  auto run = make_impatient_run();
  freeze(source, {"GetRecords"}, 3);
  const auto ended = run.run();
  expect_stalled(ended, "read shard " + source.open_shards(kSource).front());
}

TEST_F(Liveness, AListingThatFailsForEverIsAStall) {
  for (const auto& [kind, words] : {std::pair{FaultKind::kThrottling, "ThrottlingException"},
                                    std::pair{FaultKind::kInternalError, "InternalServerError"}}) {
    DynamoDbStandin broken(standin_options());
    broken.add_table({.name = kSource, .key = hash_only()});
    DynamoDbStandin empty(standin_options());
    empty.add_table({.name = kTarget, .key = hash_only(), .stream_view = std::nullopt});
    auto run = make_impatient_run();
    run.options.source = broken.address_of(kSource);
    run.options.target = empty.address_of(kTarget);
    run.options.folder = folder / words;
    run.options.time_limit = kStallTimeout + kSlack;
    broken.fail_next({.kind = kind, .operation = "DescribeStream", .times = 1'000'000, .after = 1});
    const auto ended = run.run();
    expect_stalled(ended, words);
  }
}

TEST_F(Liveness, AListingThatFailsFromSomeMomentOnIsAStall) {
  add_tables();
  put("a", "1");
  auto run = make_impatient_run();
  freeze(source, {"DescribeStream"}, 3);
  const auto ended = run.run();
  expect_stalled(ended, "list shards of");
}

TEST_F(Liveness, ASlowTargetThatMovesIsNoStall) {
  add_tables();
  for (int i = 0; i < 12; ++i) put("k" + std::to_string(i), "1");
  target.set_fault_policy({.min_latency = milliseconds(350), .max_latency = milliseconds(350)});
  auto run = make_impatient_run();
  run.options.job.stop_when_caught_up = true;
  run.options.job.pipeline.stall_timeout = milliseconds(2'000);
  run.options.job.pipeline.writing.max_concurrent_writes = 1;
  run.options.max_write_units = 20;  // batches of two
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_GT(ended.took, run.options.job.pipeline.stall_timeout);
  expect_in_step(ended);
}

TEST_F(Liveness, ChangesThatWaitTheirTurnAreNoStall) {
  add_tables(4);
  source.configure([](support::Service::Options& options) { options.records_per_page = 12; });
  source.set_fault_policy(
      {.operations = {"GetRecords"}, .min_latency = milliseconds(150), .max_latency = milliseconds(150)});
  for (int i = 0; i < 60; ++i) put("k" + std::to_string(i), "1");
  auto run = make_impatient_run();
  run.options.job.stop_when_caught_up = true;
  // Each shard's changes, and then each reader, wait for longer than the stall time-out while others are served.
  run.options.job.pipeline.stall_timeout = milliseconds(1'200);
  run.options.job.pipeline.max_bytes = 1;
  run.options.max_write_units = 20;
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  expect_in_step(ended);
}

TEST_F(Liveness, AnIdleTableIsNoStallHoweverSeldomItIsListed) {
  add_tables();
  auto run = make_impatient_run();
  run.options.job.pipeline.stall_timeout = milliseconds(1'500);
  run.options.job.list_shards_interval = std::chrono::hours(1);
  const auto ended = run.run([](ReplicationRun::Live& live) {
    if (live.elapsed() > milliseconds(2'500)) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
}

TEST_F(Liveness, ACheckpointIntervalAboveTheStallTimeoutIsNoStall) {
  add_tables();
  target.set_fault_policy({.min_latency = milliseconds(20), .max_latency = milliseconds(40)});
  Workload workload(source, {.keys = 10});
  auto run = make_impatient_run();
  run.options.job.pipeline.stall_timeout = milliseconds(2'000);
  run.options.job.checkpoint_interval = std::chrono::hours(1);
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    workload.change(2);
    if (live.elapsed() > milliseconds(3'000)) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
}

TEST_F(Liveness, DeniedInMidRunEndsTheJobAtOnce) {
  add_tables();
  Workload workload(source, {});
  workload.change(100);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  for (const char* operation : {"BatchWriteItem", "PutItem", "DeleteItem"}) {
    target.fail_next({.kind = FaultKind::kAccessDenied, .operation = operation, .times = 1'000'000, .after = 2});
  }
  const auto ended = run.run([&](ReplicationRun::Live&) { workload.change(1); });
  EXPECT_EQ(ended.reason, Reason::kDenied) << ended.text();
  EXPECT_THAT(ended.text(), AllOf(HasSubstr("local/Copy"), HasSubstr("AccessDeniedException")));

  target.clear_faults();
  source.fail_next({.kind = FaultKind::kAccessDenied, .operation = "GetRecords", .times = 1'000'000, .after = 3});
  const auto source_denied = run.run();
  EXPECT_EQ(source_denied.reason, Reason::kDenied) << source_denied.text();
  EXPECT_THAT(source_denied.text(), HasSubstr("get records"));

  source.clear_faults();
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  expect_in_step(last, 2);
}

TEST_F(Liveness, ExpiredCredentialsAreRenewedInMidRun) {
  add_tables();
  Workload workload(source, {});
  workload.change(50);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  bool renewed = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (!renewed && live.status().counters.applied > 0) {
      renewed = true;
      source.add_identity({.access_key_id = "AKIDSOURCE2", .secret_access_key = "s2", .session_token = "t2"});
      target.add_identity({.access_key_id = "AKIDTARGET2", .secret_access_key = "s3", .session_token = "t3"});
      run.source_environment.variables = {
          {"AWS_ACCESS_KEY_ID", "AKIDSOURCE2"}, {"AWS_SECRET_ACCESS_KEY", "s2"}, {"AWS_SESSION_TOKEN", "t2"}};
      run.target_environment.variables = {
          {"AWS_ACCESS_KEY_ID", "AKIDTARGET2"}, {"AWS_SECRET_ACCESS_KEY", "s3"}, {"AWS_SESSION_TOKEN", "t3"}};
      source.expire_identity("AKIDSTANDIN");
      target.expire_identity("AKIDSTANDIN");
      workload.change(50);
    }
    if (renewed && live.status().caught_up && live.status().counters.read == records()) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_GT(source.statistics().errors["ExpiredTokenException"], 0u);
  EXPECT_GT(target.statistics().errors["ExpiredTokenException"], 0u);
  expect_in_step(ended);
}

TEST_F(Liveness, CredentialsThatStayExpiredEndTheJob) {
  add_tables();
  put("a", "1");
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (live.status().counters.applied > 0) source.expire_identity("AKIDSTANDIN");
  });
  EXPECT_EQ(ended.reason, Reason::kDenied) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr("renew the credentials"));
}

TEST_F(Liveness, AnIdleTableIsReadOncePerIdlePollAndAWriteStillArrives) {
  add_tables();
  constexpr milliseconds kPoll{50};
  constexpr std::uint64_t kReads = 20;
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.idle_poll = kPoll;
  milliseconds idle_at{0};
  milliseconds put_at{0};
  std::uint64_t reads_before = 0;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    const milliseconds now = live.elapsed();
    const std::uint64_t reads = source.statistics().requests["GetRecords"];
    if (idle_at.count() == 0 && now > milliseconds(300)) {
      idle_at = now;
      reads_before = reads;
    } else if (idle_at.count() > 0 && put_at.count() == 0 && reads >= reads_before + kReads) {
      put_at = now;
      put("a", "1");
    }
    if (put_at.count() > 0 && !target.snapshot(kTarget).empty()) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_GT(put_at - idle_at, kPoll * (kReads - 2)) << "no more often";
  EXPECT_LT(put_at - idle_at, kPoll * kReads * 10) << "a busy machine takes its time, but a second each is the default";
}

TEST_F(Liveness, LagGrowsBeforeATargetHasTakenAnything) {
  add_tables();
  put("a", "1");
  auto run = make_run();
  freeze(target, {"PutItem", "DeleteItem"}, 1);  // the first is the preflight's
  milliseconds lag{0};
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    lag = live.status().current_lag.value_or(lag);
    if (lag > milliseconds(2'500)) live.kill();
  });
  EXPECT_TRUE(ended.killed) << ended.text() << "\nlag " << lag.count() << " ms";
}

TEST_F(Liveness, LagIsThatOfTheOldestChangeHoweverManyNewerOnesAreApplied) {
  add_tables();
  put("stuck", "1");
  target.throttle_key(kTarget, key_of("stuck"), 1'000'000);
  auto run = make_run();
  int puts = 0;
  milliseconds lag{0};
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    ++puts;
    put(puts % 2 == 0 ? "stuck" : "free", std::to_string(puts));
    lag = live.status().current_lag.value_or(lag);
    if (lag > milliseconds(3'500) && live.status().counters.applied > 10) live.kill();
  });
  EXPECT_TRUE(ended.killed) << ended.text() << "\nlag " << lag.count() << " ms";
}

TEST_F(Liveness, NothingIsCaughtUpWithASourceThatDoesNotAnswer) {
  add_tables();
  put("a", "1");
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  run.options.job.longest_answer = milliseconds(300);
  bool frozen = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    const auto status = live.status();
    if (!frozen && status.caught_up && status.current_lag == milliseconds(0)) {
      freeze(source, {"GetRecords"});
      frozen = true;
    }
    if (frozen && !status.caught_up && status.current_lag > milliseconds(500)) live.kill();
  });
  EXPECT_TRUE(frozen);
  EXPECT_TRUE(ended.killed) << ended.text();
}

TEST_F(Liveness, TroubleOfEitherSideIsToldUntilItIsOver) {
  add_tables();
  put("a", "1");
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  source.fail_next({.kind = FaultKind::kInternalError, .operation = "GetRecords", .times = 12});
  target.throttle_key(kTarget, key_of("a"), 2);
  std::set<std::string> told;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    const auto status = live.status();
    for (const char* code : {"InternalServerError", "ProvisionedThroughputExceededException"}) {
      if (status.last_trouble.find(code) != std::string::npos) told.insert(code);
    }
    if (told.size() == 2 && status.counters.applied == 1 && status.last_trouble.empty()) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  expect_in_step(ended);
}

TEST_F(Liveness, TheWriteBudgetHoldsOverTheWholeRun) {
  add_tables(4);
  constexpr double kUnits = 100;
  for (int i = 0; i < 250; ++i) put("k" + std::to_string(i), std::string(static_cast<std::size_t>(i % 3) * 1'000, 'x'));
  auto run = make_run();
  run.options.max_write_units = kUnits;
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  const double seconds = std::chrono::duration<double>(ended.took).count();
  const double consumed = target.statistics().write_units;
  EXPECT_LE(consumed, kUnits * seconds + kUnits) << seconds << " s";
  EXPECT_NEAR(consumed, ended.writes.consumed_units, 0.5);
  EXPECT_GT(consumed, 2.5 * kUnits) << "too little to test anything";
  expect_in_step(ended);
}

}  // namespace
}  // namespace dynamirror::integration
