// SPDX-License-Identifier: Apache-2.0
//
// Goal: a rule keeps out what it names and nothing else.
// Method: changes on both sides of the limit, to the second, which is the precision of a stream's times.
#include "transform/change_filter.hpp"

#include <gtest/gtest.h>

namespace dynamirror::transform {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

model::Change created_at(WallTime time) {
  return {R"({"id":{"S":"a"}})", R"({"id":{"S":"a"}})", model::SequenceNumber::parse("1").value(), time};
}

TEST(MaxRecordAge, LetsYoungChangesPassAndKeepsOldOnesOut) {
  const MaxRecordAge filter(seconds(60));
  EXPECT_FALSE(filter.rejects(created_at(kNow), kNow));
  EXPECT_FALSE(filter.rejects(created_at(kNow - seconds(60)), kNow));
  EXPECT_EQ(filter.rejects(created_at(kNow - seconds(61)), kNow), "max-record-age");
  EXPECT_EQ(filter.rejects(created_at(kNow - hours(24)), kNow), "max-record-age");
}

TEST(MaxRecordAge, GrantsTheFractionThatTheStreamCutsOff) {
  const MaxRecordAge filter(seconds(60));
  // Created at 0.9 s, told as 0 s: at 60.9 s it is exactly 60 s old.
  EXPECT_FALSE(filter.rejects(created_at(kNow - seconds(60)), kNow + milliseconds(999)));
}

TEST(MaxRecordAge, LetsChangesFromAClockAheadOfOursPass) {
  EXPECT_FALSE(MaxRecordAge(seconds(0)).rejects(created_at(kNow + hours(1)), kNow));
}

TEST(MaxRecordAge, FiltersDeletionsByTheSameRule) {
  const model::Change deletion(R"({"id":{"S":"a"}})", "", model::SequenceNumber::parse("1").value(), kNow - hours(1));
  EXPECT_TRUE(MaxRecordAge(seconds(60)).rejects(deletion, kNow));
  EXPECT_FALSE(MaxRecordAge(hours(2)).rejects(deletion, kNow));
}

}  // namespace
}  // namespace dynamirror::transform
