// SPDX-License-Identifier: Apache-2.0
//
// Goal: the lineage of shards decides the order of reading, whatever the listing looks like and however reads fail.
// Method: a scripted stream of many shards over sockets; the order of each key's writes is compared with the source's.
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using Lineage = ReplicateTest;

/// A listing as bad as it gets.
void make_listing_hard(DynamoDbStandin& source) {
  source.configure([](support::Service::Options& options) {
    options.listing = {.page_size = 60, .shuffle = true, .new_shards_after = 2, .closing_after = 3};
    options.records_per_page = 7;
  });
  source.set_fault_policy({.seed = 5,
                           .rate = 0.1,
                           .kinds = {FaultKind::kEmptyPage, FaultKind::kExpiredIterator},
                           .operations = {"GetRecords"}});
}

TEST_F(Lineage, TwoHundredShardsOfThreeGenerationsAreReadInOrder) {
  add_tables(25);
  make_listing_hard(source);
  Workload workload(source, {.keys = 150});
  workload.change(500);
  source.split_all_shards(kSource);  // 25 + 50
  workload.change(500);
  source.split_all_shards(kSource);  // + 100
  workload.change(500);
  source.fail_next({.kind = FaultKind::kLimitExceeded, .operation = "DescribeStream", .times = 2, .after = 3});

  auto run = make_run();
  bool rolled = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (rolled || live.status().counters.read < 800) return;
    rolled = true;
    const auto open = source.open_shards(kSource);
    for (std::size_t i = 0; i < 25; ++i) source.roll_shard(kSource, open[i]);  // 200
    workload.change(300);
    source.expire_iterators();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_TRUE(rolled);
  EXPECT_EQ(source.shards(kSource).size(), 200u);
  EXPECT_EQ(ended.status.counters.read, records()) << "every change is read once: " << ended.text();
  EXPECT_GT(source.statistics().errors["LimitExceededException"], 0u);
  expect_in_step(ended);
}

TEST_F(Lineage, AHotKeyKeepsItsOrderThroughManyGenerations) {
  add_tables(1);
  source.configure([](support::Service::Options& options) {
    options.listing = {.page_size = 3, .shuffle = true, .new_shards_after = 1, .closing_after = 1};
    options.records_per_page = 3;
  });
  // Some answers are late: what is written out of turn then shows.
  target.set_fault_policy({.min_latency = std::chrono::milliseconds(0), .max_latency = std::chrono::milliseconds(15)});
  Workload workload(source, {.keys = 3});
  for (int generation = 0; generation < 6; ++generation) {
    workload.change(20);
    source.roll_all_shards(kSource);
  }
  workload.change(20);
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, records());
  expect_in_step(ended);
}

TEST_F(Lineage, ShardsThatSplitWhileRunningAreFollowedWithoutALoss) {
  add_tables(2);
  Workload workload(source, {.keys = 40});
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  int splits = 0;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    const bool all_read = live.status().caught_up && live.status().counters.read == records();
    if (splits == 3) {
      if (all_read && live.status().shards_being_read == 16) live.request_stop();
      return;
    }
    workload.change(10);
    if (records() < 150u * static_cast<unsigned>(splits + 1)) return;
    source.split_all_shards(kSource);
    ++splits;
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(ended.status.counters.read, records());
  expect_in_step(ended);
}

TEST_F(Lineage, NobodyIsCaughtUpWhileTheChildOfAnEndedShardIsNotListed) {
  add_tables();
  source.configure([](support::Service::Options& options) { options.listing.new_shards_after = 5; });
  put("a", "1");
  source.roll_all_shards(kSource);
  put("b", "1");
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1 b=1");
  expect_in_step(ended);
}

TEST_F(Lineage, AStreamThatIsTurnedOffHasNoMoreChildrenToWaitFor) {
  add_tables(2);
  put("a", "1");
  auto run = make_run();
  run.options.time_limit = 15 * kSecond;
  const auto ended = run.run([&, off = false](ReplicationRun::Live& live) mutable {
    if (!off && live.status().counters.read == 1) source.disable_stream(kSource), off = true;
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1");
}

TEST_F(Lineage, ARestartGoesOnInTheMiddleOfTheLineage) {
  add_tables(3);
  source.configure([](support::Service::Options& options) { options.records_per_page = 5; });
  Workload workload(source, {.keys = 40});
  for (int generation = 0; generation < 3; ++generation) {
    workload.change(150);
    source.split_all_shards(kSource);
  }
  workload.change(150);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  std::uint64_t read = 0;
  for (const std::uint64_t stop_after : {60u, 60u, 60u}) {
    const auto ended = run.run([&](ReplicationRun::Live& live) {
      if (live.status().counters.read >= stop_after) live.request_stop();
    });
    EXPECT_TRUE(ended.ok()) << ended.text();
    read += ended.status.counters.read;
  }
  run.options.job.stop_when_caught_up = true;
  const auto last = run.run();
  EXPECT_TRUE(last.ok()) << last.text();
  EXPECT_EQ(read + last.status.counters.read, records()) << "a stop in good order repeats nothing";
  expect_in_step(last);
}

}  // namespace
}  // namespace dynamirror::integration
