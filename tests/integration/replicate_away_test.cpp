// SPDX-License-Identifier: Apache-2.0
//
// Goal: who was away for longer than a stream keeps its records is told so, also where no checkpoint can show it: the
// service does not say what a shard that is read from its oldest record has lost.
// Method: the job's calendar is moved between and during runs.
#include "integration/replicate_fixture.hpp"
#include "state/local_store.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::HasSubstr;
using OnTrim = jobs::ReplicateOptions::OnTrim;
using std::chrono::hours;

class Away : public ReplicateTest {
 protected:
  [[nodiscard]] std::unique_ptr<state::LocalStore> state_of(const ReplicationRun& run) const {
    auto store =
        state::LocalStore::open(run.state_file(), {.source = run.options.source, .target = run.options.target});
    EXPECT_TRUE(store) << to_line(store.error());
    return std::move(*store);
  }
  void save_row(const ReplicationRun& run, model::Checkpoint checkpoint) const {
    const std::vector<model::ShardCheckpoint> rows{
        {ShardId(source.open_shards(kSource).front()), {}, std::move(checkpoint)}};
    EXPECT_TRUE(state_of(run)->save(StreamArn(source.stream_arn(kSource)), rows));
  }
};

TEST_F(Away, ForMoreThanADayFromAShardWithoutRecordsIsAGap) {
  add_tables();
  auto run = make_run();
  ASSERT_TRUE(run.run().ok());
  run.options.wall_shift = hours(25);
  put("a", "1");
  const auto late = run.run();
  EXPECT_EQ(late.reason, Reason::kTrimmed) << late.text();
  EXPECT_THAT(late.text(), HasSubstr(source.stream_arn(kSource)));
  EXPECT_THAT(late.text(), HasSubstr("--on-trim continue"));
  EXPECT_EQ(run.run().reason, Reason::kTrimmed) << "a second start does not hide it";
  EXPECT_EQ(target_values(), "");

  run.options.job.on_trim = OnTrim::kContinue;
  const auto continued = run.run();
  EXPECT_TRUE(continued.ok()) << continued.text();
  EXPECT_EQ(target_values(), "a=1");

  run.options.job.on_trim = OnTrim::kStop;
  const auto after = run.run();
  EXPECT_TRUE(after.ok()) << "the gap is behind us: " << after.text();
}

TEST_F(Away, ForMoreThanADayFromAShardThatHadEndedIsAGap) {
  add_tables();
  auto run = make_run();
  ASSERT_TRUE(run.run().ok());
  save_row(run, model::ShardEnd{});  // its children were not listed yet
  run.options.wall_shift = hours(25);
  source.roll_all_shards(kSource);
  const auto late = run.run();
  EXPECT_EQ(late.reason, Reason::kTrimmed) << late.text();
}

TEST_F(Away, ForLessThanADayIsNoGap) {
  add_tables();
  auto run = make_run();
  ASSERT_TRUE(run.run().ok());
  run.options.wall_shift = hours(23);
  put("a", "1");
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1");
}

TEST_F(Away, RunsThatEndBeforeTheFirstCheckpointCountAsReading) {
  add_tables();
  auto run = make_run();
  run.options.job.checkpoint_interval = std::chrono::minutes(10);
  for (const int shift : {0, 20, 40, 60}) {
    run.options.wall_shift = hours(shift);
    const auto ended = run.run();
    EXPECT_TRUE(ended.ok()) << shift << ": " << ended.text();
  }
}

TEST_F(Away, CountsFromTheLastReadingAndNotFromTheStart) {
  add_tables(2);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  std::optional<std::chrono::milliseconds> moved;
  const auto killed = run.run([&](ReplicationRun::Live& live) {
    if (!moved && live.status().caught_up) {
      run.options.wall_shift = hours(20);
      moved = live.elapsed();
    }
    if (moved && live.elapsed() > *moved + kSecond) live.kill();
  });
  ASSERT_TRUE(killed.killed);
  run.options.job.stop_when_caught_up = true;
  run.options.wall_shift = hours(40);
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  run.options.wall_shift = hours(65);
  EXPECT_EQ(run.run().reason, Reason::kTrimmed);
}

TEST_F(Away, WhatWasReadAndNotWrittenCountsAsUnread) {
  add_tables();
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  put("a", "1");
  target.throttle_key(kTarget, key_of("a"), 1'000);
  std::optional<std::chrono::milliseconds> moved;
  const auto killed = run.run([&](ReplicationRun::Live& live) {
    if (!moved && live.status().counters.held() > 0) {
      run.options.wall_shift = hours(20);
      moved = live.elapsed();
    }
    if (moved && live.elapsed() > *moved + kSecond) live.kill();
  });
  ASSERT_TRUE(killed.killed);
  run.options.wall_shift = hours(25);
  const auto late = run.run();
  EXPECT_EQ(late.reason, Reason::kTrimmed) << late.text();
}

TEST_F(Away, AShardThatWaitsIsNoOlderThanWhatWasReadBeforeIt) {
  add_tables();
  auto run = make_run();
  run.options.wall_shift = -hours(20);
  ASSERT_TRUE(run.run().ok());
  run.options.wall_shift = {};
  run.options.job.stop_when_caught_up = false;
  put("a", "1");
  put("b", "1");  // cannot be written, so that its shard does not end
  source.roll_all_shards(kSource);
  put("c", "1");
  target.throttle_key(kTarget, key_of("b"), 1'000'000);
  std::optional<std::chrono::milliseconds> applied;
  const auto killed = run.run([&](ReplicationRun::Live& live) {
    if (!applied && live.status().counters.applied > 0) applied = live.elapsed();
    if (applied && live.elapsed() > *applied + kSecond) live.kill();
  });
  ASSERT_TRUE(killed.killed) << killed.text();
  target.throttle_key(kTarget, key_of("b"), 1);
  run.options.wall_shift = hours(5);
  run.options.job.stop_when_caught_up = true;
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1 b=1 c=1");
}

TEST_F(Away, IsNotKnownOfAStateFileThatHasNoTime) {
  add_tables();
  auto run = make_run();
  save_row(run, model::TrimHorizon{});
  run.options.wall_shift = hours(25);
  put("a", "1");
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1");
}

}  // namespace
}  // namespace dynamirror::integration
