// SPDX-License-Identifier: Apache-2.0
//
// Goal: every state that a record has had is found, in order, whatever the bucket keeps beside it.
// Method: a bucket in memory with pages of two versions, and moments that the test sets.
#include "jobs/item_backup/record_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/memory_objects.hpp"
#include "support/run_task.hpp"

namespace dynamirror::jobs {
namespace {

using std::chrono::seconds;

class RecordHistory : public ::testing::Test {
 protected:
  static WallTime at(int second) { return WallTime(seconds(second)); }
  void write(int second, const std::string& key, std::optional<std::string> body) {
    store.now = at(second);
    store.write(key, std::move(body));
  }
  [[nodiscard]] std::vector<RecordState> history(sink::ItemObject object) {
    auto states = support::run_task(record_history(store, std::move(object)));
    EXPECT_TRUE(states);
    return states ? *states : std::vector<RecordState>{};
  }
  static std::string text(const std::vector<RecordState>& states) {
    std::string all;
    for (const RecordState& state : states) {
      all += std::to_string(std::chrono::duration_cast<seconds>(state.since.time_since_epoch()).count()) + ":" +
             state.item.value_or(state.unreadable.empty() ? "-" : "?") + " ";
    }
    return all;
  }

  support::MemoryObjects store;
};

TEST_F(RecordHistory, NewestFirstWithDeletionsAndWithoutNeighbours) {
  write(1, "t/a", "1");
  write(2, "t/a", std::nullopt);
  write(3, "t/a", "3");
  write(4, "t/ab", "neighbour");
  write(5, "t/a", "5");
  EXPECT_EQ(text(history({"t/a", std::nullopt})), "5:5 3:3 2:- 1:1 ");
  EXPECT_EQ(text(history({"t/b", std::nullopt})), "");
}

TEST_F(RecordHistory, ArchivedStatesAreListedAsUnreadable) {
  write(1, "t/a", "1");
  write(2, "t/a", "2");
  store.get_errors["t/a?v1"] = Error{
      .error_class = ErrorClass::kDenied, .doing = "", .resource = "", .code = "InvalidObjectState", .message = ""};
  EXPECT_EQ(text(history({"t/a", std::nullopt})), "2:2 1:? ");
}

TEST_F(RecordHistory, BothNamesAreOneHistoryAndTheMoveIsNoDeletion) {
  write(1, "t/old", "1");
  write(2, "t/old", std::nullopt);
  write(3, "t/old", "3");
  write(4, "t/new", "4");
  write(4, "t/old", std::nullopt);
  write(5, "t/new", "5");
  EXPECT_EQ(text(history({"t/new", "t/old"})), "5:5 4:4 3:3 2:- 1:1 ");
  // Deleted under the old name, and never written under the new one: that is a deletion.
  store.versions.erase("t/new");
  EXPECT_EQ(text(history({"t/new", "t/old"})), "4:- 3:3 2:- 1:1 ");
}

TEST_F(RecordHistory, ADeletionUnderTheOldNameIsOneWhateverTheNewNameHolds) {
  // Made again under its new name.
  write(1, "t/old", "1");
  write(2, "t/old", std::nullopt);
  write(4, "t/new", "4");
  EXPECT_EQ(text(history({"t/new", "t/old"})), "4:4 2:- 1:1 ");
  // Deleted under its new name, made again and deleted under its old one.
  write(5, "t/new", std::nullopt);
  write(6, "t/old", "6");
  write(7, "t/old", std::nullopt);
  EXPECT_EQ(text(history({"t/new", "t/old"})), "7:- 6:6 5:- 4:4 2:- 1:1 ");
}

TEST_F(RecordHistory, ADeletionUnderTheOldNameIsOneWhenTheNewNameHeldAnOlderState) {
  write(1, "t/new", "1");
  write(2, "t/old", "2");
  write(3, "t/old", std::nullopt);
  EXPECT_EQ(text(history({"t/new", "t/old"})), "3:- 2:2 1:1 ");
}

TEST_F(RecordHistory, WhatWasWrittenBeforeTheBucketWasVersionedIsReadAsItWas) {
  store.now = at(1);
  store.write_unversioned("t/a", "1");
  write(2, "t/a", "2");
  EXPECT_EQ(text(history({"t/a", std::nullopt})), "2:2 1:1 ");
}

TEST_F(RecordHistory, TheStateAtAMomentIsTheNewestNotAfterIt) {
  write(2, "t/a", "2");
  write(4, "t/a", std::nullopt);
  const auto states = history({"t/a", std::nullopt});
  EXPECT_EQ(state_at(states, at(1)), nullptr);
  EXPECT_EQ(state_at(states, at(2))->item, "2");
  EXPECT_EQ(state_at(states, at(3))->item, "2");
  EXPECT_FALSE(state_at(states, at(9))->item);
}

}  // namespace
}  // namespace dynamirror::jobs
