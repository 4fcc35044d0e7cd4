// SPDX-License-Identifier: Apache-2.0
//
// Goal: changes that the stream no longer has are never skipped silently, and what is no gap is not called one.
// Method: trimming, ageing, disabling and replacing the scripted stream between and during runs.
#include "integration/replicate_fixture.hpp"

namespace dynamirror::integration {
namespace {

using ::testing::HasSubstr;
using OnTrim = jobs::ReplicateOptions::OnTrim;
using InitialPosition = ordering::ShardGraph::InitialPosition;

class StreamEnd : public ReplicateTest {
 protected:
  /// A first run to a checkpoint in the middle of the only shard.
  void replicate_first_part(ReplicationRun& run) {
    put("a", "1");
    put("b", "1");
    const auto ended = run.run();
    ASSERT_TRUE(ended.ok()) << ended.text();
    ASSERT_EQ(target_values(), "a=1 b=1");
  }
  [[nodiscard]] std::string checkpoint_of(const ReplicationRun& run) const {
    const auto rows = run.rows();
    return rows.size() == 1 ? model::to_string(rows.front().checkpoint) : std::to_string(rows.size()) + " rows";
  }
};

TEST_F(StreamEnd, ATrimmedCheckpointStopsTheJobAndNamesGapAndRemedy) {
  add_tables();
  auto run = make_run();
  replicate_first_part(run);
  const std::string checkpoint = checkpoint_of(run);
  put("b", "lost");
  put("c", "2");
  const std::string shard = source.open_shards(kSource).front();
  source.trim_shard(kSource, shard, 1);

  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kTrimmed) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr(shard));
  EXPECT_THAT(ended.text(), HasSubstr(checkpoint));
  EXPECT_THAT(ended.text(), HasSubstr("--on-trim continue"));
  EXPECT_EQ(target_values(), "a=1 b=1") << "nothing after the gap is applied";
  EXPECT_EQ(checkpoint_of(run), checkpoint);
  EXPECT_EQ(run.run().reason, Reason::kTrimmed) << "a second start does not hide it";
}

TEST_F(StreamEnd, OnTrimContinueGoesOnFromTheOldestChange) {
  add_tables();
  auto run = make_run();
  replicate_first_part(run);
  put("b", "lost");
  put("c", "2");
  source.trim_shard(kSource, source.open_shards(kSource).front(), 1);

  run.options.job.on_trim = OnTrim::kContinue;
  run.options.time_limit = 10 * kSecond;
  bool later = false;
  run.options.job.stop_when_caught_up = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (!later && target_values() == "a=1 b=1 c=2") put("d", "3"), later = true;
    if (target_values() == "a=1 b=1 c=2 d=3") live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1 b=1 c=2 d=3");

  run.options.job.on_trim = OnTrim::kStop;
  run.options.job.stop_when_caught_up = true;
  put("e", "4");
  const auto after = run.run();
  EXPECT_TRUE(after.ok()) << "the gap is behind us: " << after.text();
  EXPECT_EQ(after.status.counters.read, 1u);
}

TEST_F(StreamEnd, AShardThatIsGoneEntirelyIsAGap) {
  add_tables();
  auto run = make_run();
  replicate_first_part(run);
  put("c", "lost");
  source.roll_all_shards(kSource);
  put("d", "lost");
  source.age_stream(kSource, std::chrono::hours(25));
  put("e", "2");
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kTrimmed) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr("--on-trim continue"));
  EXPECT_EQ(target_values(), "a=1 b=1");

  run.options.job.on_trim = OnTrim::kContinue;
  run.options.time_limit = 10 * kSecond;
  const auto continued = run.run();
  EXPECT_TRUE(continued.ok()) << continued.text();
  EXPECT_EQ(target_values(), "a=1 b=1 e=2");
}

TEST_F(StreamEnd, AFreshStartOverTrimmedShardsIsNoGap) {
  add_tables(2);
  put("a", "1");
  put("b", "1");
  source.roll_all_shards(kSource);
  source.age_stream(kSource, std::chrono::hours(25));
  put("c", "1");
  put("d", "1");
  for (const auto& shard : source.open_shards(kSource)) source.trim_shard(kSource, shard, 0);
  put("e", "1");
  auto run = make_run();
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "e=1");
}

TEST_F(StreamEnd, ACheckpointWhoseOwnRecordIsTrimmedMayHideAGap) {
  add_tables();
  auto run = make_run();
  put("a", "1");
  source.roll_all_shards(kSource);
  put("b", "1");
  ASSERT_TRUE(run.run().ok());
  source.age_stream(kSource, std::chrono::hours(25));
  put("c", "2");
  const auto ended = run.run();
  EXPECT_EQ(ended.reason, Reason::kTrimmed) << "record b, our checkpoint, is trimmed: nobody knows what came after";

  run.options.job.on_trim = OnTrim::kContinue;
  run.options.time_limit = 10 * kSecond;
  const auto continued = run.run();
  EXPECT_TRUE(continued.ok()) << continued.text();
  EXPECT_EQ(target_values(), "a=1 b=1 c=2");
}

TEST_F(StreamEnd, AStreamTurnedOffIsAppliedToItsEndAndReported) {
  add_tables(2);
  Workload workload(source, {.keys = 20});
  workload.change(100);
  auto run = make_run();
  run.options.job.stop_when_caught_up = false;
  bool disabled = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (disabled || live.status().counters.applied == 0) return;
    workload.change(50);
    source.disable_stream(kSource);
    disabled = true;
  });
  EXPECT_EQ(ended.reason, Reason::kNotReady) << ended.text();
  EXPECT_THAT(ended.text(), HasSubstr("the stream was turned off"));
  EXPECT_EQ(ended.status.counters.read, records());
  expect_in_step(ended);
}

class Replaced : public StreamEnd, public ::testing::WithParamInterface<InitialPosition> {};

TEST_P(Replaced, AReplacedStreamIsAGapWithBothNamesAndCanBeContinued) {
  add_tables();
  auto run = make_run();
  replicate_first_part(run);
  const std::string old_arn = source.stream_arn(kSource);
  source.disable_stream(kSource);
  put("b", "lost");
  source.enable_stream(kSource);
  put("c", "2");
  const std::string new_arn = source.stream_arn(kSource);
  ASSERT_NE(old_arn, new_arn);
  run.options.job.start = GetParam();

  const auto stopped = run.run();
  EXPECT_EQ(stopped.reason, Reason::kTrimmed) << stopped.text();
  EXPECT_THAT(stopped.text(), HasSubstr(old_arn));
  EXPECT_THAT(stopped.text(), HasSubstr(new_arn));
  EXPECT_EQ(target_values(), "a=1 b=1");

  run.options.job.on_trim = OnTrim::kContinue;
  const auto continued = run.run();
  EXPECT_TRUE(continued.ok()) << continued.text();
  EXPECT_EQ(target_values(), "a=1 b=1 c=2") << "from the new stream's oldest record";

  run.options.job.on_trim = OnTrim::kStop;
  put("d", "3");
  const auto after = run.run();
  EXPECT_TRUE(after.ok()) << after.text();
  EXPECT_EQ(after.status.counters.read, 1u);
}

INSTANTIATE_TEST_SUITE_P(Starts, Replaced, ::testing::Values(InitialPosition::kTrimHorizon, InitialPosition::kLatest));

TEST_F(StreamEnd, AReplacementThatIsKilledAtOnceSkipsNothingEither) {
  add_tables();
  auto run = make_run();
  replicate_first_part(run);
  source.disable_stream(kSource);
  source.enable_stream(kSource);
  put("c", "2");
  run.options.job.start = InitialPosition::kLatest;
  run.options.job.on_trim = OnTrim::kContinue;
  // The first row of the new stream cannot be saved: what is on disk now is what a kill at this moment leaves.
  run.options.before_save = [](std::span<const model::ShardCheckpoint>) -> Status {
    return failure(ErrorClass::kFatal, "write state file", "state", "no space left on device");
  };
  EXPECT_EQ(run.run().reason, Reason::kState);
  run.options.before_save = {};
  const auto ended = run.run();
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "a=1 b=1 c=2");
}

TEST_F(StreamEnd, AStartAtLatestSkipsHistoryAndThenLosesNothing) {
  add_tables(2);
  put("a", "history");
  auto run = make_run();
  run.options.job.start = InitialPosition::kLatest;
  run.options.job.stop_when_caught_up = false;
  const auto first = run.run([](ReplicationRun::Live& live) {
    if (live.status().caught_up) live.request_stop();
  });
  EXPECT_TRUE(first.ok()) << first.text();
  EXPECT_EQ(first.status.counters.read, 0u);
  EXPECT_EQ(target_values(), "");

  put("b", "between");
  source.roll_all_shards(kSource);
  put("c", "between");
  run.options.job.stop_when_caught_up = true;
  const auto second = run.run();
  EXPECT_TRUE(second.ok()) << second.text();
  EXPECT_THAT(target_values(), HasSubstr("b=between c=between"));
}

TEST_F(StreamEnd, AStartAtLatestTakesWhatComesAfterIt) {
  add_tables(2);
  put("a", "history");
  auto run = make_run();
  run.options.job.start = InitialPosition::kLatest;
  run.options.job.stop_when_caught_up = false;
  bool changed = false;
  const auto ended = run.run([&](ReplicationRun::Live& live) {
    if (!changed && live.status().caught_up) {
      put("b", "1");
      source.split_all_shards(kSource);
      put("c", "1");
      changed = true;
    }
    if (live.status().counters.applied == 2) live.request_stop();
  });
  EXPECT_TRUE(ended.ok()) << ended.text();
  EXPECT_EQ(target_values(), "b=1 c=1");
}

}  // namespace
}  // namespace dynamirror::integration
