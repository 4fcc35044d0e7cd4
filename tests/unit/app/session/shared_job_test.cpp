// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a worker says of the job it shares tells its own part from the whole, and is JSON for programs.
// Method: summaries of a job under way, of a complete one, and of one that was complete before.
#include "app/session/shared_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

service::SharedJobSummary summary_of(std::uint32_t done) {
  service::SharedJobSummary summary{.table = "orders \"copy\""};
  summary.status = {.segments = 64, .done = done, .finished_here = 21};
  summary.status.leases.taken = 30;
  summary.status.leases.lost = 2;
  return summary;
}

TEST(SharedJobSummaryTest, TellsItsOwnPartFromTheWhole) {
  EXPECT_THAT(to_text(summary_of(40)), HasSubstr("21 segments finished here, 40 of 64 by all workers"));
  EXPECT_THAT(to_text(summary_of(40)), HasSubstr("not complete yet"));
  EXPECT_THAT(to_text(summary_of(64)), Not(HasSubstr("not complete")));
}

TEST(SharedJobSummaryTest, SaysHowToStartOver) {
  service::SharedJobSummary summary = summary_of(64);
  summary.was_complete = true;
  EXPECT_THAT(to_text(summary), HasSubstr("leases reset"));
}

TEST(SharedJobSummaryTest, IsOneJsonObjectOrNull) {
  EXPECT_EQ(to_json(summary_of(40)),
            R"({"table":"orders \"copy\"","segments":64,"segments_done":40,"complete":false,"was_complete":false,)"
            R"("finished_here":21,"taken":30,"stolen":0,"given_away":0,"lost":2,"renewed":0,"conflicts":0})");
  EXPECT_EQ(to_json(std::optional<service::SharedJobSummary>{}), "null");
}

}  // namespace
}  // namespace dynamirror::app
