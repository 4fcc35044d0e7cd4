// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a user types is understood in one way or refused with what to write instead.
#include "app/session/store_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/options/work_share.hpp"
#include "base/text.hpp"
#include "support/replication_run.hpp"

namespace dynamirror::app {
namespace {

using ::testing::HasSubstr;

TEST(SplitPlace, CutsTheLastPartOff) {
  const auto s3 = split_place("s3://bucket/a/b/");
  ASSERT_TRUE(s3);
  EXPECT_EQ(s3->folder, "s3://bucket/a/");
  EXPECT_EQ(s3->name, "b");
  EXPECT_EQ(split_place("s3://bucket/b")->folder, "s3://bucket/");
  EXPECT_EQ(split_place("s3://bucket//b")->folder, "s3://bucket//");
  EXPECT_EQ(split_place("file:/backups/b")->folder, "file:/backups/");
  EXPECT_EQ(split_place("file:/b")->folder, "file:/");
  const auto url = split_place("https://bucket.s3.eu-west-1.amazonaws.com/a/b%20c/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->folder, "https://bucket.s3.eu-west-1.amazonaws.com/a");
  EXPECT_EQ(url->name, "b c");
  for (const char* wrong : {"https://bucket.s3.amazonaws.com/", "s3://bucket", "s3://bucket/", "s3://", "file:b", ""}) {
    EXPECT_FALSE(split_place(wrong)) << wrong;
  }
}

TEST(ParseMoment, TakesDatesTimesFractionsAndOffsets) {
  const auto text = [](const char* moment) {
    const auto parsed = parse_moment(moment);
    return parsed ? format_time(*parsed) : "refused";
  };
  EXPECT_EQ(text("2026-01-31"), "2026-01-31T00:00:00Z");
  EXPECT_EQ(text("2026-01-31T12:00:01Z"), "2026-01-31T12:00:01Z");
  EXPECT_EQ(text("2026-01-31T12:00:01"), "2026-01-31T12:00:01Z");
  EXPECT_EQ(text("2026-01-31T12:00:01+02:30"), "2026-01-31T09:30:01Z");
  EXPECT_EQ(parse_moment("1970-01-01T00:00:01.5Z"), WallTime(std::chrono::milliseconds(1'500)));
  for (const char* wrong : {"yesterday", "2026-01-31T12", "2026-01-31T12:00:00 CET", ""}) {
    EXPECT_EQ(text(wrong), "refused") << wrong;
  }
}

TEST(WorkShareTest, OptionsWinOverTheBatchSystem) {
  support::ScriptedEnvironment environment;
  EXPECT_EQ(work_share(0, 0, environment)->count, 1u);
  environment.variables = {{"AWS_BATCH_JOB_ARRAY_INDEX", "2"}, {"AWS_BATCH_JOB_ARRAY_SIZE", "7"}};
  EXPECT_EQ(work_share(0, 0, environment)->index, 2u);
  EXPECT_EQ(work_share(0, 0, environment)->count, 7u);
  EXPECT_EQ(work_share(1, 3, environment)->count, 3u);
  environment.variables = {{"JOB_COMPLETION_INDEX", "4"}, {"JOB_COMPLETIONS", "5"}};
  EXPECT_EQ(work_share(0, 0, environment)->index, 4u);
}

TEST(WorkShareTest, WhatWouldDoTheWorkTwiceIsRefused) {
  support::ScriptedEnvironment environment;
  EXPECT_FALSE(work_share(3, 3, environment));
  environment.variables = {{"JOB_COMPLETION_INDEX", "4"}};
  EXPECT_THAT(work_share(0, 0, environment).error().message, HasSubstr("JOB_COMPLETIONS"));
  environment.variables = {{"JOB_COMPLETION_INDEX", "5"}, {"JOB_COMPLETIONS", "5"}};
  EXPECT_FALSE(work_share(0, 0, environment));
  environment.variables = {{"JOB_COMPLETION_INDEX", "x"}, {"JOB_COMPLETIONS", "5"}};
  EXPECT_FALSE(work_share(0, 0, environment));
}

}  // namespace
}  // namespace dynamirror::app
