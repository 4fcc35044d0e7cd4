// SPDX-License-Identifier: Apache-2.0
//
// Goal: letters that functions have stored are tried again, and a batch of them is removed when every change in it is
// applied, and never before.
// Method: a bucket in memory; a target that takes and refuses as told.
#include "jobs/dead_letters/replay_stored_letters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

sink::DeadLetter letter_of(model::Change change) {
  sink::DeadLetter letter;
  letter.change = std::move(change);
  letter.shard = ShardId("shard");
  letter.attempts = 1;
  letter.target = "target";
  return letter;
}

std::string letter(const std::string& id, const std::string& sequence) {
  const std::string key = R"({"id":{"S":")" + id + "\"}}";
  return sink::to_json_line(letter_of(model::Change::of_key(key, model::SequenceNumber::parse(sequence).value(), {})));
}

std::string unreadable(const std::string& sequence) {
  auto letter = letter_of(model::Change({}, {}, model::SequenceNumber::parse(sequence).value(), {}));
  letter.record = "no json";
  return sink::to_json_line(letter);
}

class PlayedTarget final : public sink::ChangeSink {
 public:
  std::set<std::string> refused;     ///< sequences
  std::vector<std::string> applied;  ///< sequences
  std::function<void()> when_written = [] {};
  bool denied = false;

  [[nodiscard]] Limits limits() const override { return {.max_changes = 25, .max_bytes = 1'000'000}; }
  [[nodiscard]] std::string describe() const override { return "target"; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime /*not_after*/) override {
    if (denied) co_return failure(ErrorClass::kDenied, "write items", "target", "not allowed");
    std::vector<sink::Outcome> outcomes;
    for (const model::Change* change : changes) {
      const std::string sequence = change->sequence().str();
      if (refused.contains(sequence)) {
        outcomes.emplace_back(sink::Rejected{});
        continue;
      }
      applied.push_back(sequence);
      outcomes.emplace_back(sink::Applied{});
    }
    when_written();
    co_return outcomes;
  }
};

class ReplayStoredLetters : public ::testing::Test {
 protected:
  Result<StoredReplayResult> replay() {
    LetterObjects stored(objects_);
    const StoredReplayOptions options{.table = "Orders"};
    return support::run_task(replay_stored_letters(stored, target_, clock_, random_, options));
  }

  [[nodiscard]] std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& [key, history] : objects_.versions) {
      if (history.back().body) names.push_back(key);
    }
    return names;
  }

  support::MemoryObjects objects_;
  PlayedTarget target_;
  ManualClock clock_;
  Random random_{1};
};

TEST_F(ReplayStoredLetters, RemovesEachBatchThatIsAppliedWhole) {
  for (const std::string first : {"1", "10", "7"}) {
    objects_.write("Orders/" + first + ".dead-letters.jsonl", letter("a", first) + letter("b", first + "5"));
  }
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(target_.applied, UnorderedElementsAre("1", "15", "10", "105", "7", "75"));
  EXPECT_THAT(left(), ElementsAre());
  EXPECT_EQ(result->batches, 3u);
  EXPECT_EQ(result->removed, 3u);
  EXPECT_EQ(result->letters.applied, 6u);
  EXPECT_EQ(result->letters.still_failing, 0u);
}

TEST_F(ReplayStoredLetters, LeavesABatchOfWhichOneChangeIsStillRefused) {
  const std::string lines = letter("a", "1") + letter("b", "2");
  objects_.write("Orders/1.dead-letters.jsonl", lines);
  objects_.write("Orders/3.dead-letters.jsonl", letter("c", "3") + unreadable("4"));
  objects_.write("Orders/5.dead-letters.jsonl", letter("d", "5"));
  target_.refused = {"2"};
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(target_.applied, UnorderedElementsAre("1", "3", "5"));
  EXPECT_THAT(left(), ElementsAre("Orders/1.dead-letters.jsonl", "Orders/3.dead-letters.jsonl"));
  EXPECT_EQ(objects_.newest("Orders/1.dead-letters.jsonl"), lines);
  EXPECT_EQ(result->letters.still_failing, 1u);
  EXPECT_EQ(result->letters.unreadable, 1u);
  EXPECT_EQ(result->removed, 1u);
}

TEST_F(ReplayStoredLetters, LooksOnlyAtLettersOfTheTableThatItReads) {
  const std::vector<std::string> others{"Other/1.dead-letters.jsonl", "Orders/deep/1.dead-letters.jsonl",
                                        "Orders/notes.txt"};
  for (const std::string& name : others) objects_.write(name, letter("x", "1"));
  objects_.write("2.dead-letters.jsonl", letter("a", "2"));  // the address names the table
  objects_.write("Orders/3.dead-letters.jsonl", letter("b", "3"));
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(target_.applied, UnorderedElementsAre("2", "3"));
  EXPECT_THAT(left(), ::testing::UnorderedElementsAreArray(others));
  EXPECT_EQ(result->of_other_tables, 1u);
}

TEST_F(ReplayStoredLetters, LeavesABatchThatWasStoredAnewMeanwhile) {
  const std::string name = "Orders/1.dead-letters.jsonl";
  objects_.write(name, letter("a", "1"));
  target_.when_written = [&] { objects_.write(name, letter("a", "1") + letter("b", "2")); };
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(left(), ElementsAre(name));
  EXPECT_EQ(result->removed, 0u);
}

TEST_F(ReplayStoredLetters, ADamagedBatchIsNamedAndStopsNoOther) {
  const std::string whole = letter("a", "1");
  objects_.write("Orders/1.dead-letters.jsonl", whole.substr(0, whole.size() - 1));
  objects_.write("Orders/2.dead-letters.jsonl", "{}\n");
  objects_.write("Orders/3.dead-letters.jsonl", letter("b", "3"));
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(target_.applied, ElementsAre("3"));
  EXPECT_THAT(left(), ElementsAre("Orders/1.dead-letters.jsonl", "Orders/2.dead-letters.jsonl"));
  ASSERT_TRUE(result->damaged);
  EXPECT_THAT(to_line(*result->damaged), HasSubstr("Orders/1.dead-letters.jsonl"));
}

TEST_F(ReplayStoredLetters, ATargetThatCannotBeWrittenToEndsIt) {
  objects_.write("Orders/1.dead-letters.jsonl", letter("a", "1"));
  objects_.write("Orders/2.dead-letters.jsonl", letter("a", "2"));
  target_.denied = true;
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_EQ(result->letters.stopped_by->error_class, ErrorClass::kDenied);
  EXPECT_EQ(left().size(), 2u);
  EXPECT_EQ(result->batches, 1u);
}

}  // namespace
}  // namespace dynamirror::jobs
