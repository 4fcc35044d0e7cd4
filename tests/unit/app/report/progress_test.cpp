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

}  // namespace
}  // namespace dynamirror::app
