// SPDX-License-Identifier: Apache-2.0
//
// Goal: what belongs to a table beside its items survives a backup, and what cannot be read is said.
#include "aws/dynamodb/table_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/cloudwatch/client.hpp"

namespace dynamirror::aws {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(TableSettings, AreReadAsTheyWereWritten) {
  const TableSettings settings{.description_json = R"({"TableName":"Orders"})",
                               .time_to_live_attribute = "expires \"at\"",
                               .tags = {{"team", "a \"b\""}, {"cost", ""}},
                               .point_in_time_recovery = true,
                               .unknown = {"encryption"}};
  const auto read = parse_table_settings(to_json(settings));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->description_json, settings.description_json);
  EXPECT_EQ(read->time_to_live_attribute, settings.time_to_live_attribute);
  EXPECT_THAT(read->tags, ElementsAre(Pair("team", "a \"b\""), Pair("cost", "")));
  EXPECT_TRUE(read->point_in_time_recovery);
  EXPECT_THAT(read->unknown, ElementsAre("encryption"));
}

TEST(TableSettings, TagsOfAwsItselfAreLeftOut) {
  const auto read = parse_table_settings(
      R"({"Table":{},"Tags":[{"Key":"aws:cloudformation:x","Value":"1"},{"Key":"a","Value":"2"}]})");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->tags, ElementsAre(Pair("a", "2")));
}

TEST(TableSettings, OtherFilesAreRefused) {
  EXPECT_FALSE(parse_table_settings("{}"));
  EXPECT_FALSE(parse_table_settings("no JSON"));
}

TEST(MetricsBody, HoldsWhatCloudWatchTakes) {
  const std::vector<MetricDatum> data{{.name = "BackupSize",
                                       .value = 12.5,
                                       .unit = "Bytes",
                                       .dimensions = {{"TableName", "Orders"}},
                                       .time = WallTime(std::chrono::seconds(1'700'000'000))}};
  EXPECT_EQ(
      metrics_body("Backups", data),
      R"({"Namespace":"Backups","MetricData":[{"MetricName":"BackupSize",)"
      R"("Dimensions":[{"Name":"TableName","Value":"Orders"}],"Timestamp":1700000000,"Value":12.5,"Unit":"Bytes"}]})");
}

}  // namespace
}  // namespace dynamirror::aws
