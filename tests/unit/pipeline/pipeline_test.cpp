// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever job pushes a change, it meets the rules once, is written or accounted for, and is watched over.
// Method: a pipeline over a sink that a test scripts, on an event loop of its own; the clock is moved by hand.
#include "pipeline/pipeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <string>
#include <utility>
#include <vector>

#include "async/signal.hpp"
#include "async/sleep.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Takes everything, or nothing at all.
class ScriptedSink final : public sink::ChangeSink {
 public:
  bool takes = true;
  bool refuses = false;
  std::vector<sink::Outcome> next;  ///< instead, of the next changes
  std::vector<std::string> images;

  [[nodiscard]] Limits limits() const override { return {}; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime) override {
    std::vector<sink::Outcome> outcomes;
    for (const model::Change* change : changes) {
      const Error error{
          .error_class = ErrorClass::kThrottled, .doing = "write", .resource = "it", .code = "Slow", .message = "no"};
      if (!next.empty()) {
        outcomes.push_back(next.front());
        next.erase(next.begin());
      } else if (refuses) {
        outcomes.emplace_back(sink::Rejected{error});
      } else if (takes) {
        images.emplace_back(change->image());
        outcomes.emplace_back(sink::Applied{});
      } else {
        outcomes.emplace_back(sink::TryAgain{error});
      }
    }
    co_return outcomes;
  }
  [[nodiscard]] std::string describe() const override { return "the target"; }
};

/// Keeps letters once it is let to, or fails.
class SlowLetters final : public sink::LetterBox {
 public:
  bool full = false;
  bool open = false;
  async::Signal opened;
  std::size_t asked = 0;
  std::vector<sink::DeadLetter> kept;

  [[nodiscard]] bool quarantined(std::string_view key) const override {
    return std::ranges::any_of(kept, [&](const sink::DeadLetter& letter) { return letter.change.key() == key; });
  }
  [[nodiscard]] std::size_t keys() const override { return kept.size(); }
  [[nodiscard]] async::Task<Status> add(std::vector<sink::DeadLetter> letters) override {
    ++asked;
    while (!open) co_await opened.wait();
    if (full) co_return failure(ErrorClass::kFatal, "add dead letters", "the file", "no space");
    kept.insert(kept.end(), letters.begin(), letters.end());
    co_return Status{};
  }
  [[nodiscard]] std::string describe() const override { return "the file"; }
};

/// Drops, or rewrites, images that contain a word.
class WordRule final : public transform::ChangeRule {
 public:
  WordRule(std::string_view name, std::string word, transform::Verdict verdict)
      : name_(name), word_(std::move(word)), verdict_(verdict) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] transform::Verdict apply(model::Change& change, WallTime) const override {
    if (change.image().find(word_) == std::string_view::npos) return transform::Verdict::kPass;
    if (verdict_ == transform::Verdict::kRewrite) change.replace_image("rewritten");
    return verdict_;
  }

 private:
  std::string_view name_;
  std::string word_;
  transform::Verdict verdict_;
};

model::Change change(std::uint64_t number, std::string_view image) {
  return {"key" + std::to_string(number), image, model::SequenceNumber::of(number), WallTime{}};
}

struct PipelineTest : ::testing::Test {
  ManualClock clock;
  Random random{1};
  ScriptedSink sink;
  SlowLetters letters;
  sink::LetterBox* dead_letters = nullptr;
  Ending ending;
  bool asked = false;

  using Work = async::Task<> (*)(Pipeline& pipeline, PipelineTest& test);

  /// Runs `work` with a pipeline that has begun, and stops it.
  void with_pipeline(Pipeline::Options options, transform::ChangeRules rules, Work work) {
    support::run_task(begin_work_and_stop(this, options, std::move(rules), work));
  }
  static async::Task<> begin_work_and_stop(PipelineTest* test, Pipeline::Options options, transform::ChangeRules rules,
                                           Work work) {
    const auto executor = co_await boost::asio::this_coro::executor;
    Pipeline pipeline({test->sink, test->dead_letters, test->clock, test->random, executor, test->ending}, options,
                      std::move(rules));
    pipeline.start();
    co_await work(pipeline, *test);
    co_await pipeline.stop();
  }

  static transform::ChangeRules rules() {
    transform::ChangeRules made;
    made.push_back(std::make_unique<WordRule>("no-secrets", "secret", transform::Verdict::kDrop));
    made.push_back(std::make_unique<WordRule>("mask", "name", transform::Verdict::kRewrite));
    made.push_back(std::make_unique<WordRule>("no-masks", "rewritten", transform::Verdict::kDrop));
    return made;
  }
};

TEST_F(PipelineTest, CountsWhatEachRuleDroppedAndRewroteAndLaterRulesSeeTheNewImage) {
  const auto work = [](Pipeline& pipeline, PipelineTest&) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    std::uint64_t number = 0;
    for (const char* image : {"plain", "secret name", "name", "also plain"}) {
      pipeline.push(shard, change(++number, image));
    }
    pipeline.wake_writers();
    co_await pipeline.drain();
    EXPECT_EQ(pipeline.counters().read, 4u);
    EXPECT_EQ(pipeline.counters().applied, 2u);
    EXPECT_EQ(pipeline.counters().filtered, 2u);
    EXPECT_EQ(pipeline.safe(shard)->text(), "4") << "a dropped change does not hold the checkpoint";
    const auto& counts = pipeline.rule_counts();
    EXPECT_EQ(counts[0].rule, "no-secrets");
    EXPECT_EQ(counts[0].dropped, 1u);
    EXPECT_EQ(counts[1].rewritten, 1u) << "the change that the first rule dropped is not seen by the second";
    EXPECT_EQ(counts[2].dropped, 1u) << "the third sees what the second has made";
  };
  with_pipeline({}, rules(), work);
  EXPECT_THAT(sink.images, ElementsAre("plain", "also plain"));
}

TEST_F(PipelineTest, AChangeIsSafeOnlyOnceItsLetterIsKeptAndOthersGoOnMeanwhile) {
  dead_letters = &letters;
  sink.next = {
      sink::Rejected{{.error_class = ErrorClass::kInvalid, .doing = {}, .resource = {}, .code = {}, .message = "no"}}};
  const auto work = [](Pipeline& pipeline, PipelineTest& test) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    pipeline.push(shard, change(1, "poison"));
    pipeline.wake_writers();
    while (test.letters.asked == 0) co_await pipeline.settled().wait_for(std::chrono::milliseconds(1));
    pipeline.push(shard, change(2, "plain"));
    pipeline.push(shard, model::Change("key1", "after the poison", model::SequenceNumber::of(3), WallTime{}));
    pipeline.wake_writers();
    while (pipeline.counters().applied == 0) co_await pipeline.settled().wait();
    EXPECT_FALSE(pipeline.safe(shard)) << "the letter of the first is not durable";
    EXPECT_EQ(pipeline.counters().dead_lettered, 0u);
    test.letters.open = true;
    test.letters.opened.notify();
    co_await pipeline.drain();
    EXPECT_EQ(pipeline.safe(shard)->text(), "3");
    EXPECT_EQ(pipeline.counters().dead_lettered, 2u) << "a later change of the key has followed";
  };
  with_pipeline({}, {}, work);
  EXPECT_THAT(sink.images, ElementsAre("plain"));
  ASSERT_EQ(letters.kept.size(), 2u);
  EXPECT_EQ(letters.kept[1].change.image(), "after the poison");
}

TEST_F(PipelineTest, WhatTheLettersCannotKeepIsNotPassed) {
  dead_letters = &letters;
  letters.full = letters.open = true;
  sink.next = {
      sink::Rejected{{.error_class = ErrorClass::kInvalid, .doing = {}, .resource = {}, .code = {}, .message = "no"}}};
  const auto work = [](Pipeline& pipeline, PipelineTest& test) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    const std::vector<model::UnreadableRecord> records{
        {.sequence = model::SequenceNumber::of(9), .arrived = {}, .reason = "no Keys", .data = "bytes"}};
    auto set_aside = co_await pipeline.set_aside(shard, records);
    EXPECT_FALSE(set_aside);
    EXPECT_EQ(set_aside.error().reason, Reason::kState);
    pipeline.push(shard, change(1, "poison"));
    pipeline.wake_writers();
    co_await pipeline.drain();
    EXPECT_EQ(test.ending.failure()->reason, Reason::kState);
    EXPECT_FALSE(pipeline.safe(shard));
    EXPECT_EQ(pipeline.counters().dead_lettered, 0u);
  };
  with_pipeline({}, {}, work);
}

TEST_F(PipelineTest, WritesTheImageThatARuleHasMade) {
  transform::ChangeRules made;
  made.push_back(std::make_unique<WordRule>("mask", "name", transform::Verdict::kRewrite));
  const auto work = [](Pipeline& pipeline, PipelineTest&) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    pipeline.push(shard, change(1, "a name"));
    pipeline.wake_writers();
    co_await pipeline.drain();
  };
  with_pipeline({}, std::move(made), work);
  EXPECT_THAT(sink.images, ElementsAre("rewritten"));
}

TEST_F(PipelineTest, EndsTheJobWhenChangesWaitAndNoneIsWritten) {
  sink.takes = false;
  const auto work = [](Pipeline& pipeline, PipelineTest& test) -> async::Task<> {
    pipeline.name_shards([](auto) { return ShardId("shardId-1"); });
    pipeline.push(pipeline.add_shard(), change(1, "waits"));
    pipeline.wake_writers();
    while (!test.ending.failure()) {
      test.clock.advance(std::chrono::milliseconds(30));
      co_await async::sleep_for(std::chrono::milliseconds(1));
    }
  };
  with_pipeline({.stall_timeout = std::chrono::milliseconds(100)}, {}, work);
  EXPECT_EQ(ending.failure()->reason, Reason::kStalled);
  EXPECT_THAT(to_line(ending.failure()->error), HasSubstr("write changes of shard shardId-1: nothing has moved for"));
}

TEST_F(PipelineTest, GivesUpAtOnceWhereNoDeadLettersAreKept) {
  sink.refuses = true;
  const auto work = [](Pipeline& pipeline, PipelineTest&) -> async::Task<> {
    pipeline.push(pipeline.add_shard(), change(1, "poison"));
    pipeline.wake_writers();
    co_await pipeline.drain();
    EXPECT_EQ(pipeline.counters().held(), 1u) << "what no sink and no dead-letter store has does not count as done";
  };
  with_pipeline({}, {}, work);
  EXPECT_EQ(ending.failure()->reason, Reason::kPoison);
}

TEST_F(PipelineTest, DrainsNoLongerThanItsCallerWants) {
  sink.takes = false;
  const auto work = [](Pipeline& pipeline, PipelineTest& test) -> async::Task<> {
    pipeline.push(pipeline.add_shard(), change(1, "waits"));
    pipeline.wake_writers();
    const auto second_time = [&test] { return std::exchange(test.asked, true); };
    co_await pipeline.drain(second_time);
    EXPECT_EQ(pipeline.counters().held(), 1u);
  };
  with_pipeline({}, {}, work);
  EXPECT_TRUE(asked);
  EXPECT_FALSE(ending.failure());
}

TEST_F(PipelineTest, CountsWhatARuleOfTheSinkFoundMoot) {
  sink.next = {sink::Superseded{"newer-version"}};
  const auto work = [](Pipeline& pipeline, PipelineTest&) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    pipeline.push(shard, change(1, "old"));
    pipeline.push(shard, change(2, "other"));
    pipeline.wake_writers();
    co_await pipeline.drain();
    EXPECT_EQ(pipeline.counters().superseded, 1u);
    EXPECT_EQ(pipeline.counters().applied, 1u);
    EXPECT_EQ(pipeline.statistics().superseded_by.at("newer-version"), 1u);
    EXPECT_EQ(pipeline.safe(shard)->text(), "2");
  };
  with_pipeline({}, {}, work);
}

TEST_F(PipelineTest, WaitsUntilTheSinkIsReadyForAChangeWithoutCountingAnAttempt) {
  sink.next = {sink::WaitUntil{clock.steady_now() + std::chrono::milliseconds(50)}};
  const auto work = [](Pipeline& pipeline, PipelineTest& test) -> async::Task<> {
    pipeline.push(pipeline.add_shard(), change(1, "waits"));
    pipeline.wake_writers();
    while (!test.sink.next.empty()) co_await async::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(pipeline.counters().held(), 1u);
    test.clock.advance(std::chrono::milliseconds(60));
    co_await pipeline.drain();
    EXPECT_EQ(pipeline.counters().applied, 1u);
  };
  with_pipeline({.writing = {.max_attempts = 1}}, {}, work);
  EXPECT_FALSE(ending.failure()) << "waiting is no failed attempt";
}

TEST_F(PipelineTest, WritesNothingAfterItWasStopped) {
  const auto work = [](Pipeline& pipeline, PipelineTest&) -> async::Task<> {
    const auto shard = pipeline.add_shard();
    co_await pipeline.stop();
    pipeline.push(shard, change(1, "late"));
    pipeline.wake_writers();
    co_await async::sleep_for(std::chrono::milliseconds(1));
  };
  with_pipeline({}, {}, work);
  EXPECT_THAT(sink.images, IsEmpty());
}

TEST(Ending, IsDueAtTheFirstFailureAndKeepsIt) {
  Ending ending;
  EXPECT_FALSE(ending.due());
  ending.fail({Reason::kStalled, Error{}});
  ending.fail({Reason::kPoison, Error{}});
  EXPECT_TRUE(ending.due());
  EXPECT_EQ(ending.failure()->reason, Reason::kStalled);
}

async::Task<> wait_for(Ending& ending) { co_await ending.wait(); }

async::Task<> stop_while_one_waits(StopRequest& stop, Ending& ending) {
  async::TaskGroup group(co_await boost::asio::this_coro::executor);
  group.spawn(wait_for(ending));
  co_await async::sleep_for(std::chrono::milliseconds(1));
  stop.request();
  co_await group.join();
}

TEST(Ending, WakesWhoWaitsWhenAStopIsRequested) {
  StopRequest stop;
  Ending ending(stop);
  support::run_task(stop_while_one_waits(stop, ending));
  EXPECT_TRUE(ending.stop_requested());
  EXPECT_FALSE(ending.finished());
}

}  // namespace
}  // namespace dynamirror::jobs
