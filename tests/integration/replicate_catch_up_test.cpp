// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever a stream holds, one run brings the target in step with the source, each key in the stream's order, and
// says so with counters that add up.
// Method: the whole job over sockets between two scripted servers; their tables and write logs are compared afterwards.
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::IsEmpty;

using CatchUp = ReplicateTest;

TEST_F(CatchUp, AnEmptyStreamIsCaughtUpAtOnce) {
  add_tables();
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, 0u);
  expect_in_step(ended);
}

TEST_F(CatchUp, BringsATableOfHashKeysInStep) {
  add_tables(4);
  Workload(source, {.keys = 200}).change(3'000);
  const std::uint64_t changes = records();
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, changes) << ended.text();
  EXPECT_GT(ended.status.counters.applied, 0u);
  EXPECT_EQ(ended.status.counters.applied, target.writes(kTarget).size());
  EXPECT_TRUE(ended.status.caught_up);
  EXPECT_EQ(ended.status.held_bytes, 0u);
  expect_in_step(ended);
}

TEST_F(CatchUp, BringsATableOfCompositeKeysInStep) {
  add_tables(3, composite());
  Workload(source, {.composite = true, .keys = 200}).change(2'000);
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, records());
  expect_in_step(ended);
}

TEST_F(CatchUp, FollowsChangesThatAreMadeWhileItRuns) {
  add_tables(2);
  Workload workload(source, {.keys = 30});
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (records() < 1'500) {
      workload.change(25);
    } else if (live.status().caught_up && live.status().counters.read == records()) {
      live.request_stop();
    }
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  expect_in_step(ended);
}

TEST_F(CatchUp, EmptyAnswersInMidShardAreNotTakenForItsTip) {
  add_tables(1);
  source.configure([](support::Service::Options& options) { options.records_per_page = 10; });
  Workload(source, {.keys = 50}).change(100);
  source.fail_next({.kind = FaultKind::kEmptyPage, .operation = "GetRecords", .times = 6, .after = 2});
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, records()) << ended.text();
  expect_in_step(ended);
}

TEST_F(CatchUp, ReadsNothingTwiceWhenStartedAgain) {
  add_tables(2);
  Workload workload(source, {.keys = 30});
  workload.change(300);
  auto run = make_run();
  const auto first = run.run();
  EXPECT_TRUE(first.ok()) << first.text();
  const std::uint64_t before = records();
  workload.change(200);
  const auto second = run.run();
  EXPECT_TRUE(second.ok()) << second.text();
  EXPECT_EQ(second.status.counters.read, records() - before) << second.text();
  expect_in_step(second);
}

TEST_F(CatchUp, DeletionsByTimeToLiveArriveLikeAnyOther) {
  add_tables();
  put("a", "1");
  put("b", "1");
  source.remove(kSource, key_of("a"), true);
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "b=1");
  expect_in_step(ended);
}

TEST_F(CatchUp, CountsWhatIsTooOldAsFiltered) {
  add_tables();
  put("a", "old");
  source.age_stream(kSource, std::chrono::hours(2));
  put("b", "new");
  auto run = make_run();
  run.options.job.max_record_age = std::chrono::hours(1);
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "b=new");
  EXPECT_EQ(ended.status.counters.filtered, 1u);
  EXPECT_EQ(ended.status.counters.read, 2u);
  const auto again = run.run();
  EXPECT_EQ(again.status.counters.read, 0u) << "the checkpoint passes a filtered change";
}

TEST_F(CatchUp, LargeItemsPassWithinABoundedBuffer) {
  add_tables(4);
  for (int i = 0; i < 60; ++i) put("k" + std::to_string(i % 40), std::string(380'000, 'a' + static_cast<char>(i % 26)));
  auto run = make_run();
  run.options.job.pipeline.max_bytes = 2u << 20;
  std::size_t most_held = 0;
  const auto ended =
      run.run([&](ReplicationRun::Live& live) { most_held = std::max(most_held, live.status().held_bytes); });
  EXPECT_TRUE(ended.ok()) << ended.text();
  // One page of each reader may pass the limit: a page has 1 MB, both images counted.
  EXPECT_LT(most_held, (2u << 20) + (4u << 20));
  expect_in_step(ended);
}

}  // namespace
}  // namespace dynamirror::integration
