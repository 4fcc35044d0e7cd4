// SPDX-License-Identifier: Apache-2.0
//
// Goal: a rule keeps out what it names and nothing else.
// Method: changes on both sides of the limit, to the second, which is the precision of a stream's times.
#include "transform/change_rule.hpp"

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

Verdict judged(std::chrono::seconds age, model::Change change, WallTime now) {
  return MaxRecordAge(age).apply(change, now);
}

TEST(MaxRecordAge, LetsYoungChangesPassAndDropsOldOnes) {
  EXPECT_EQ(judged(seconds(60), created_at(kNow), kNow), Verdict::kPass);
  EXPECT_EQ(judged(seconds(60), created_at(kNow - seconds(60)), kNow), Verdict::kPass);
  EXPECT_EQ(judged(seconds(60), created_at(kNow - seconds(61)), kNow), Verdict::kDrop);
  EXPECT_EQ(judged(seconds(60), created_at(kNow - hours(24)), kNow), Verdict::kDrop);
}

TEST(MaxRecordAge, GrantsTheFractionThatTheStreamCutsOff) {
  // Created at 0.9 s, told as 0 s: at 60.9 s it is exactly 60 s old.
  EXPECT_EQ(judged(seconds(60), created_at(kNow - seconds(60)), kNow + milliseconds(999)), Verdict::kPass);
}

TEST(MaxRecordAge, LetsChangesFromAClockAheadOfOursPass) {
  EXPECT_EQ(judged(seconds(0), created_at(kNow + hours(1)), kNow), Verdict::kPass);
}

TEST(MaxRecordAge, DropsDeletionsByTheSameRule) {
  const model::Change deletion(R"({"id":{"S":"a"}})", "", model::SequenceNumber::parse("1").value(), kNow - hours(1));
  EXPECT_EQ(judged(seconds(60), deletion, kNow), Verdict::kDrop);
  EXPECT_EQ(judged(hours(2), deletion, kNow), Verdict::kPass);
}

}  // namespace
}  // namespace dynamirror::transform
