// SPDX-License-Identifier: Apache-2.0
//
// Goal: every change is one of the two functions', and none is both's.
// Method: changes on both sides of the moment, and at it.
#include "transform/turnover.hpp"

#include <gtest/gtest.h>

namespace dynamirror::transform {
namespace {

const WallTime kMoment{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

TEST(Turnover, GivesEachChangeToOneOfTheTwo) {
  const Turnover before(Turnover::Role::kBefore, kMoment);
  const Turnover after(Turnover::Role::kAfter, kMoment);
  for (const int seconds : {-3600, -1, 0, 1, 3600}) {
    const WallTime created = kMoment + std::chrono::seconds(seconds);
    model::Change change(R"({"id":{"S":"a"}})", "", model::SequenceNumber::parse("1").value(), created);
    EXPECT_EQ(before.apply(change, kMoment), seconds < 0 ? Verdict::kPass : Verdict::kDrop) << seconds;
    EXPECT_EQ(after.apply(change, kMoment), seconds < 0 ? Verdict::kDrop : Verdict::kPass) << seconds;
  }
}

}  // namespace
}  // namespace dynamirror::transform
