// SPDX-License-Identifier: Apache-2.0
//
// Goal: replay brings the newest state of every key to the target, and loses no letter whatever happens on the way.
// Method: a target in memory that takes, delays and refuses as told; a forked child killed at each call that changes
// the disk, after which a second replay must find all that the first has not done.
#include "jobs/dead_letters/replay_dead_letters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/child_process.hpp"
#include "support/failing_disk.hpp"
#include "support/run_task.hpp"
#include "support/temp_folder.hpp"

namespace dynamirror::jobs {
namespace {

using sink::DeadLetter;
using sink::DeadLetters;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string key_of(const std::string& id) { return R"({"id":{"S":")" + id + "\"}}"; }

/// A state of key `id`; a deletion when `sequence` ends in 0.
DeadLetter letter(const std::string& id, const std::string& sequence, std::size_t payload = 0) {
  const std::string body = R"({"id":{"S":")" + id + R"("},"x":{"S":")" + std::string(payload, 'x') + "\"}}";
  const std::string image = sequence.ends_with('0') ? "" : body;
  return {.change = {key_of(id), image, model::SequenceNumber::parse(sequence).value(), {}},
          .shard = ShardId("shard"),
          .error = {.error_class = ErrorClass::kInvalid, .doing = {}, .resource = {}, .code = "Old", .message = "old"},
          .at = {},
          .attempts = 1,
          .target = "new-target"};
}

class PlayedTarget final : public sink::ChangeSink {
 public:
  std::set<std::string> refused;     ///< keys
  std::map<std::string, int> delay;  ///< key -> "try again" so many times
  int fail_at_write = 0;             ///< counting from 1; 0: never
  Limits told{.max_changes = 2, .max_bytes = 1'000};

  std::map<std::string, std::string> applied;    ///< key -> sequence of the last change
  std::vector<std::vector<std::string>> writes;  ///< sequences

  [[nodiscard]] Limits limits() const override { return told; }
  [[nodiscard]] std::string describe() const override { return "new-target"; }
  [[nodiscard]] async::Task<Result<std::vector<sink::Outcome>>> write(std::span<const model::Change* const> changes,
                                                                      SteadyTime /*not_after*/) override {
    auto& sequences = writes.emplace_back();
    for (const model::Change* change : changes) sequences.push_back(change->sequence().str());
    if (static_cast<int>(writes.size()) == fail_at_write) {
      co_return failure(ErrorClass::kDenied, "write items", "new-target", "not allowed");
    }
    std::vector<sink::Outcome> outcomes;
    for (const model::Change* change : changes) outcomes.push_back(outcome_of(*change));
    co_return outcomes;
  }

 private:
  sink::Outcome outcome_of(const model::Change& change) {
    const std::string key(change.key());
    const Error error{
        .error_class = ErrorClass::kThrottled, .doing = {}, .resource = {}, .code = "New", .message = "new"};
    if (refused.contains(key)) return sink::Rejected{error};
    if (const auto left = delay.find(key); left != delay.end() && left->second-- > 0) return sink::TryAgain{error};
    applied[key] = change.sequence().str();
    return sink::Applied{};
  }
};

class ReplayDeadLetters : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<DeadLetters> open() const {
    auto letters = DeadLetters::open({.file = file_});
    EXPECT_TRUE(letters.has_value()) << to_line(letters.error());
    return std::move(letters.value());
  }
  void add(const std::vector<DeadLetter>& letters) const { ASSERT_TRUE(support::run_task(open()->add(letters))); }

  Result<ReplayResult> replay() {
    const auto letters = open();
    ReplayOptions options{.max_attempts = 3, .other_target = other_target_};
    options.backoff = {.base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(1)};
    return support::run_task(replay_dead_letters(*letters, target_, clock_, random_, options));
  }

  /// "sequence:code:attempts" of each letter in the file.
  [[nodiscard]] std::vector<std::string> left() const {
    std::vector<std::string> found;
    const auto letters = open();
    auto walk = letters->walk();
    for (auto next = walk.next(); next && *next; next = walk.next()) {
      found.push_back((*next)->change.sequence().str() + ":" + (*next)->error.code + ":" +
                      std::to_string((*next)->attempts));
    }
    return found;
  }

  test::TempFolder folder_;
  std::filesystem::path file_ = folder_ / "dead.jsonl";
  PlayedTarget target_;
  bool other_target_ = false;
  ManualClock clock_;
  Random random_{1};
};

TEST_F(ReplayDeadLetters, LeavesRecordsThatAreNoChangesInTheFile) {
  DeadLetter record = letter("", "5");
  record.change = model::Change({}, {}, model::SequenceNumber::parse("5").value(), {});
  record.record = "no json";
  add({letter("a", "1"), record, letter("b", "6")});
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_EQ(result->applied, 2u);
  EXPECT_EQ(result->entries, 2u);
  EXPECT_EQ(result->unreadable, 1u);
  EXPECT_THAT(target_.applied, ElementsAre(Pair(key_of("a"), "1"), Pair(key_of("b"), "6")));
  EXPECT_THAT(left(), ElementsAre("5:Old:1"));
}

TEST_F(ReplayDeadLetters, AppliesOnlyTheNewestLetterOfEachKeyAndEmptiesTheFile) {
  add({letter("a", "1"), letter("b", "2"), letter("a", "3"), letter("c", "4"), letter("a", "5"), letter("b", "10")});
  const auto result = replay();
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_EQ(result->entries, 6u);
  EXPECT_EQ(result->keys, 3u);
  EXPECT_EQ(result->applied, 3u);
  EXPECT_EQ(result->superseded, 3u);
  EXPECT_EQ(result->still_failing, 0u);
  EXPECT_FALSE(result->stopped_by);
  EXPECT_THAT(target_.applied, ElementsAre(Pair(key_of("a"), "5"), Pair(key_of("b"), "10"), Pair(key_of("c"), "4")));
  EXPECT_THAT(target_.writes, ElementsAre(ElementsAre("4", "5"), ElementsAre("10"))) << "file order, target's limits";
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(ReplayDeadLetters, LettersOfAnotherTargetAreLeftAloneUnlessAskedFor) {
  DeadLetter other = letter("b", "2");
  other.target = "other-target";
  add({letter("a", "1"), other});
  const auto refused = replay();
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()), ::testing::HasSubstr("letter 2 is of other-target"));
  EXPECT_THAT(target_.writes, IsEmpty());
  EXPECT_THAT(left(), ElementsAre("1:Old:1", "2:Old:1"));
  other_target_ = true;
  EXPECT_EQ(replay()->applied, 2u);
}

TEST_F(ReplayDeadLetters, HasNothingToDoWithAnEmptyFile) {
  EXPECT_EQ(replay()->entries, 0u);
  EXPECT_THAT(target_.writes, IsEmpty());
}

TEST_F(ReplayDeadLetters, KeepsEveryLetterOfAKeyThatFailsAgainWithTheNewErrorOnItsNewest) {
  add({letter("a", "1"), letter("b", "2"), letter("a", "3")});
  target_.refused = {key_of("a")};
  const auto result = replay();
  EXPECT_EQ(result->applied, 1u);
  EXPECT_EQ(result->still_failing, 1u);
  EXPECT_THAT(left(), ElementsAre("1:Old:1", "3:New:2"));
  EXPECT_TRUE(open()->quarantined(key_of("a")));
  EXPECT_FALSE(open()->quarantined(key_of("b")));
}

TEST_F(ReplayDeadLetters, TriesAgainWhatTheTargetPutsOffButNotForEver) {
  add({letter("a", "1"), letter("b", "2")});
  target_.delay = {{key_of("a"), 2}, {key_of("b"), 100}};
  const auto result = replay();
  EXPECT_EQ(result->applied, 1u);
  EXPECT_EQ(result->still_failing, 1u);
  EXPECT_EQ(target_.writes.size(), 3u);
  EXPECT_THAT(left(), ElementsAre("2:New:4"));
}

TEST_F(ReplayDeadLetters, KeepsWhatItAchievedWhenNoFurtherWriteCanSucceed) {
  add({letter("a", "1"), letter("b", "2"), letter("c", "3"), letter("d", "4"), letter("e", "5")});
  target_.fail_at_write = 2;
  const auto result = replay();
  ASSERT_TRUE(result);
  ASSERT_TRUE(result->stopped_by);
  EXPECT_EQ(result->stopped_by->error_class, ErrorClass::kDenied);
  EXPECT_EQ(result->applied, 2u);
  EXPECT_EQ(result->still_failing, 3u);
  EXPECT_EQ(target_.writes.size(), 2u);
  EXPECT_THAT(left(), ElementsAre("3:Old:1", "4:Old:1", "5:Old:1"));
}

TEST_F(ReplayDeadLetters, KeepsToTheTargetsLimitInBytes) {
  add({letter("a", "1", 900), letter("b", "2", 100), letter("c", "3", 5'000)});
  EXPECT_EQ(replay()->applied, 3u);
  EXPECT_THAT(target_.writes, ElementsAre(ElementsAre("1"), ElementsAre("2"), ElementsAre("3")));
}

TEST_F(ReplayDeadLetters, LosesNoLetterWhenKilledAtAnyMoment) {
  for (const auto fault : {test::DiskFault::kKillBefore, test::DiskFault::kKillAfter, test::DiskFault::kKillHalf}) {
    for (int call = 1;; ++call) {
      std::filesystem::remove(file_);
      add({letter("a", "1"), letter("b", "2"), letter("a", "3"), letter("c", "4")});
      target_.refused = {key_of("c")};
      test::ChildProcess child([&](const auto& report) {
        test::arm_disk_fault(fault, call);
        const auto result = replay();
        if (result && result->applied == 2 && result->still_failing == 1) report();
      });
      const bool child_ended_well = child.finish() == 1;
      const auto found = left();
      if (child_ended_well || found.size() == 1) {
        ASSERT_THAT(found, ElementsAre("4:New:2"));
      } else {
        ASSERT_THAT(found, ElementsAre("1:Old:1", "2:Old:1", "3:Old:1", "4:Old:1"));
      }
      target_.refused.clear();
      ASSERT_EQ(replay()->still_failing, 0u);
      ASSERT_EQ(target_.applied.at(key_of("c")), "4");
      ASSERT_THAT(left(), IsEmpty());
      if (child_ended_well) break;
      ASSERT_LT(call, 50);
    }
  }
}

}  // namespace
}  // namespace dynamirror::jobs
