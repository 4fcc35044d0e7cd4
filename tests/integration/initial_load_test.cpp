// SPDX-License-Identifier: Apache-2.0
//
// Goal: a load and the stream after it leave the target equal to the source, whatever changes meanwhile, wherever the
// process is killed, and however much of the stream is trimmed when there is a spool.
// Method: the whole job over sockets between two scripted servers; the source changes all the time; the tables are
// compared when it has gone quiet.
#include <filesystem>

#include "integration/initial_load_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InitialLoad : public InitialLoadTest {
 protected:
  void slow_target() {
    target.set_fault_policy({.min_latency = std::chrono::milliseconds(1), .max_latency = std::chrono::milliseconds(5)});
  }
  void expect_equal(const LoadEnded& ended) const {
    EXPECT_FALSE(ended.failure) << ended.text();
    EXPECT_EQ(ended.phase, "done");
    EXPECT_EQ(differences(), "");
    EXPECT_THAT(source.complaints(), IsEmpty());
    EXPECT_THAT(target.complaints(), IsEmpty());
  }
  /// Kills at random moments, changing the source all along, until a run ends by itself.
  LoadEnded run_with_kills(LoadRunOptions options, std::uint64_t seed, int& kills) {
    Random random(seed);
    Workload workload(source, {.keys = 600, .deletes = 0.3, .seed = seed});
    LoadEnded ended;
    do {
      const bool may_kill = kills < 12;
      const std::uint64_t looks = 1 + random.below(60);
      std::uint64_t look = 0;
      ended = run(options, [&](Job& job, CopyProcess&) {
        const bool quiet = job.replication.has_value() && !may_kill;
        if (!quiet && look < 200) workload.change(5);
        return ++look > looks && may_kill;
      });
      kills += ended.killed ? 1 : 0;
    } while (ended.killed && kills < 50);
    return ended;
  }
};

TEST_F(InitialLoad, BringsWhatTheStreamNeverHeld) {
  add_copy_tables();
  Workload(source, {.keys = 300}).put_all();
  source.disable_stream(kSource);
  source.enable_stream(kSource);
  const auto ended = run();
  expect_equal(ended);
  EXPECT_EQ(target.snapshot(kTarget).size(), 300u);
}

TEST_F(InitialLoad, FollowsATableThatChangesAllTheTime) {
  add_copy_tables(hash_only(), 3);
  Workload(source, {.keys = 600}).put_all();
  slow_target();
  Workload workload(source, {.keys = 900, .deletes = 0.4, .seed = 2});
  int looks = 0;
  std::uint64_t changed_during_load = 0;
  const auto ended = run({}, [&](Job& job, CopyProcess&) {
    if (++looks < 300) workload.change(4);
    if (job.phase() == "loading" && job.loaded() > 0) ++changed_during_load;
    return false;
  });
  expect_equal(ended);
  EXPECT_GT(changed_during_load, 5u);
}

TEST_F(InitialLoad, ChangesFromBeforeTheLoadAreNotAppliedAgain) {
  add_copy_tables(hash_only(), 2);
  Workload(source, {.keys = 100}).change(2'000);
  const auto ended = run();
  expect_equal(ended);
  EXPECT_EQ(target.writes(kTarget).size(), source.snapshot(kSource).size());
}

TEST_F(InitialLoad, SplitsOfShardsWhileLoadingLoseNothing) {
  add_copy_tables(hash_only(), 2);
  Workload(source, {.keys = 400}).put_all();
  slow_target();
  Workload workload(source, {.keys = 400, .seed = 5});
  int looks = 0;
  const auto ended = run({}, [&](Job& job, CopyProcess&) {
    if (job.phase() == "loading" && ++looks < 60) {
      workload.change(4);
      if (looks % 6 == 0 && looks < 20) source.split_all_shards(kSource);
    }
    return false;
  });
  EXPECT_GE(looks, 10);
  expect_equal(ended);
}

class InitialLoadKills : public InitialLoad, public ::testing::WithParamInterface<int> {};

TEST_P(InitialLoadKills, LoseNothingWithoutASpool) {
  add_copy_tables(hash_only(), 2);
  Workload(source, {.keys = 600}).put_all();
  slow_target();
  int kills = 0;
  const auto ended = run_with_kills({}, static_cast<std::uint64_t>(GetParam()), kills);
  EXPECT_GE(kills, 10);
  expect_equal(ended);
}

TEST_P(InitialLoadKills, LoseNothingWithASpool) {
  add_copy_tables(hash_only(), 2);
  Workload(source, {.keys = 600}).put_all();
  slow_target();
  int kills = 0;
  const auto ended = run_with_kills({.with_spool = true}, static_cast<std::uint64_t>(GetParam()) + 100, kills);
  EXPECT_GE(kills, 10);
  expect_equal(ended);
}

INSTANTIATE_TEST_SUITE_P(Seeds, InitialLoadKills, ::testing::Range(1, 4));

TEST_F(InitialLoad, ASpoolOutlivesTheStream) {
  add_copy_tables();
  Workload(source, {.keys = 600}).put_all();
  target.set_write_limit(kTarget, 100);  // the load does not end before the trimming
  Workload workload(source, {.keys = 600, .deletes = 0.4, .seed = 3});
  std::size_t trimmed = 0;
  int looks = 0;
  const auto ended = run({.with_spool = true}, [&](Job& job, CopyProcess&) {
    if (job.phase() != "loading") return false;
    if (++looks <= 20) workload.change(20);
    const auto shard = source.shards(kSource).front();
    if (looks > 20 && trimmed == 0 && job.load->status().spooled > 150) {
      source.trim_shard(kSource, shard.id, shard.records / 2);
      trimmed = shard.records - shard.records / 2;
      target.set_write_limit(kTarget, 0);
    }
    return false;
  });
  EXPECT_GT(trimmed, 100u) << "the load ended before anything was trimmed";
  EXPECT_GT(ended.drained, 0u);
  expect_equal(ended);
}

TEST_F(InitialLoad, WithoutASpoolATrimmedStreamIsNoticed) {
  add_copy_tables();
  Workload(source, {.keys = 600}).put_all();
  slow_target();
  Workload workload(source, {.keys = 600, .seed = 3});
  bool trimmed = false;
  const auto ended = run({}, [&](Job& job, CopyProcess&) {
    if (trimmed || job.phase() != "loading" || job.loaded() == 0) return false;
    workload.change(500);
    source.trim_shard(kSource, source.shards(kSource).front().id, 100);
    trimmed = true;
    return false;
  });
  ASSERT_TRUE(trimmed);
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->reason, Reason::kTrimmed) << ended.text();
}

TEST_F(InitialLoad, IsNotDoneAgain) {
  add_copy_tables();
  Workload workload(source, {.keys = 100});
  workload.put_all();
  expect_equal(run());
  const auto writes = target.writes(kTarget).size();
  workload.change(10);
  expect_equal(run());
  EXPECT_LE(target.writes(kTarget).size(), writes + 10);
}

TEST_F(InitialLoad, IsRefusedOnceAReplicationHasBegun) {
  add_copy_tables();
  put("a", "1");
  auto replication = make_run();
  EXPECT_TRUE(replication.run().ok());
  const auto ended = run();
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->reason, Reason::kState);
  EXPECT_THAT(ended.text(), HasSubstr("has begun without one"));
}

TEST_F(InitialLoad, NeedsItsSpoolToTheEnd) {
  add_copy_tables();
  Workload(source, {.keys = 300}).put_all();
  slow_target();
  Workload workload(source, {.keys = 300, .seed = 9});
  const auto first = run({.with_spool = true}, [&](Job& job, CopyProcess&) {
    if (job.phase() == "loading") workload.change(10);
    return job.phase() == "draining";
  });
  ASSERT_TRUE(first.killed) << first.text();
  const auto without = run();
  ASSERT_TRUE(without.failure);
  EXPECT_THAT(without.text(), HasSubstr("changes wait in the spool"));
  const auto rows = recorded();
  ASSERT_FALSE(rows.empty());
  const auto elsewhere = run({.with_spool = true, .spool_name = "elsewhere"});
  ASSERT_TRUE(elsewhere.failure) << elsewhere.text();
  EXPECT_EQ(elsewhere.failure->reason, Reason::kState) << elsewhere.text();
  EXPECT_THAT(elsewhere.text(), HasSubstr(spool_file("elsewhere").string()));
  EXPECT_EQ(recorded(), rows) << "nothing is forgotten";
  expect_equal(run({.with_spool = true}));
}

TEST_F(InitialLoad, ADayAwayFromTheSpoolIsNoticedThoughNothingWasReadYet) {
  add_copy_tables();
  Workload(source, {.keys = 300}).put_all();
  source.disable_stream(kSource);
  source.enable_stream(kSource);  // its shard has no record to stand at
  slow_target();
  const auto first = run({.with_spool = true}, [](Job& job, CopyProcess&) { return job.phase() == "loading"; });
  ASSERT_TRUE(first.killed) << first.text();
  wall_shift = std::chrono::hours(25);
  const auto late = run({.with_spool = true});
  ASSERT_TRUE(late.failure) << late.text();
  EXPECT_EQ(late.failure->reason, Reason::kTrimmed) << late.text();
  wall_shift = std::chrono::hours(23);
  expect_equal(run({.with_spool = true}));
}

TEST_F(InitialLoad, DoesNotGoOnWithAnotherSpool) {
  add_copy_tables();
  Workload(source, {.keys = 300}).put_all();
  slow_target();
  Workload workload(source, {.keys = 300, .seed = 9});
  const auto first = run({.with_spool = true}, [&](Job& job, CopyProcess&) {
    workload.change(10);
    return job.phase() == "loading" && job.load->status().spooled > 0;
  });
  ASSERT_TRUE(first.killed) << first.text();
  const auto elsewhere = run({.with_spool = true, .spool_name = "elsewhere"});
  ASSERT_TRUE(elsewhere.failure) << elsewhere.text();
  EXPECT_EQ(elsewhere.failure->reason, Reason::kState) << elsewhere.text();
  expect_equal(run({.with_spool = true}));
}

TEST_F(InitialLoad, TakesASpoolThatALoadBeforeItLeftForAnEmptyOne) {
  add_copy_tables();
  Workload workload(source, {.keys = 100, .deletes = 0});
  workload.put_all();
  slow_target();
  const auto first = run({.with_spool = true}, [&](Job& job, CopyProcess&) {
    workload.change(10);
    return job.phase() == "loading" && job.load->status().spooled > 0;
  });
  ASSERT_TRUE(first.killed) << first.text();
  std::filesystem::remove(process_options().folder / "state");
  source.trim_shard(kSource, source.shards(kSource).front().id, 0);  // what that spool stands at is gone
  workload.change(10);
  const auto without = run({}, [&](Job& job, CopyProcess&) { return job.phase() == "loading"; });
  ASSERT_TRUE(without.killed) << without.text();
  expect_equal(run({.with_spool = true}));
}

}  // namespace
}  // namespace dynamirror::integration
