// SPDX-License-Identifier: Apache-2.0
//
// Goal: the line that a person watches says what is so.
#include "app/report/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReplicationProgress, OfAWorkerWithoutALeaseDoesNotSayThatAnybodyHasCaughtUp) {
  const std::string idle = progress_line(jobs::ReplicateStatus{.holds_none = true}, 0);
  EXPECT_THAT(idle, HasSubstr("holds no lease"));
  EXPECT_THAT(idle, Not(HasSubstr("caught up")));
  EXPECT_THAT(idle, Not(HasSubstr("lag")));
  EXPECT_THAT(progress_line(jobs::ReplicateStatus{.shards_being_read = 1, .caught_up = true}, 0),
              HasSubstr("caught up"));
}

TEST(ReplicationHealth, IsTroubledWhenChangesHaveBeenKeptWaitingForAMinute) {
  using std::chrono::seconds;
  const jobs::ReplicateStatus behind{.current_lag = seconds(61)};
  EXPECT_FALSE(trouble_of(behind)) << "much to do is no trouble";
  const jobs::ReplicateStatus throttled{.current_lag = seconds(60), .last_trouble = "throttled by arn:aws:dynamodb"};
  EXPECT_FALSE(trouble_of(throttled)) << "it may pass";
  const jobs::ReplicateStatus stuck{.current_lag = seconds(61), .last_trouble = "throttled by arn:aws:dynamodb"};
  ASSERT_TRUE(trouble_of(stuck));
  EXPECT_THAT(*trouble_of(stuck), Not(HasSubstr("arn:"))) << "anyone may ask";
  EXPECT_FALSE(trouble_of(jobs::ReplicateStatus{.holds_none = true, .last_trouble = "x"}));
}

TEST(ReplicationHealth, SaysHowFarItIs) {
  EXPECT_EQ(state_line(jobs::ReplicateStatus{.shards_being_read = 2, .caught_up = true}),
            "caught up, 2 shards being read, 0 changes settled");
}

}  // namespace
}  // namespace dynamirror::app
