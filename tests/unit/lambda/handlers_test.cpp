// SPDX-License-Identifier: Apache-2.0
//
// Goal: what a handler does follows from its variables, those of the tools it takes over from included; what cannot
// work is refused by the name of the variable.
// Method: environments in a map.
#include "lambda/handlers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"

namespace dynamirror::lambda {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Result<FunctionOptions> options_of(std::string_view handler, Variables variables) {
  support::MapEnvironment environment;
  environment.variables = std::move(variables);
  return function_options(handler, environment);
}

std::string refusal_of(std::string_view handler, Variables variables) {
  const auto options = options_of(handler, std::move(variables));
  return options ? "none" : to_line(options.error());
}

const service::TableOptions& table_of(const FunctionOptions& options) {
  return std::get<service::TableOptions>(options.target);
}

const Variables kMapbox{{"ReplicaTable", "Orders"}, {"ReplicaRegion", "us-east-1"}};

Variables mapbox_with(std::string name, std::string value) {
  Variables variables = kMapbox;
  variables[std::move(name)] = std::move(value);
  return variables;
}

TEST(Handlers, OurOwnReportsWhatIsNotDoneAndTheOthersFail) {
  const auto own = options_of("dynamirror.replicate", {{"DYNAMIRROR_TARGET", "eu-west-1/T"}}).value();
  EXPECT_EQ(own.on_failure, OnFailure::kReport);
  EXPECT_EQ(own.metrics, "dynamirror");
  EXPECT_EQ(options_of("index.replicate", kMapbox).value().on_failure, OnFailure::kError);
  const auto told = options_of("index.replicate", mapbox_with("DYNAMIRROR_ON_FAILURE", "Report")).value();
  EXPECT_EQ(told.on_failure, OnFailure::kReport);
}

TEST(Handlers, ReadsTheCommonVariables) {
  const auto options = options_of("dynamirror.replicate", {{"DYNAMIRROR_TARGET", "eu-west-1/T"},
                                                           {"DYNAMIRROR_TARGET_ROLE_ARN", "arn:aws:iam::1:role/r"},
                                                           {"DYNAMIRROR_TARGET_EXTERNAL_ID", "4711"},
                                                           {"DYNAMIRROR_SOURCE", "eu-west-1/S"},
                                                           {"DYNAMIRROR_DEAD_LETTERS", "s3://b/p"},
                                                           {"DYNAMIRROR_S3_ENDPOINT", "http://127.0.0.1:1"},
                                                           {"DYNAMIRROR_MAX_RECORD_AGE", "90m"},
                                                           {"DYNAMIRROR_MAX_WRITE_UNITS", "12.5"},
                                                           {"DYNAMIRROR_METRICS", "off"}})
                           .value();
  EXPECT_EQ(table_of(options).side.role_arn, "arn:aws:iam::1:role/r");
  EXPECT_EQ(table_of(options).side.external_id, "4711");
  EXPECT_EQ(options.source.address, "eu-west-1/S");
  EXPECT_EQ(options.dead_letters.url, "s3://b/p");
  EXPECT_EQ(options.dead_letters.store.endpoint, "http://127.0.0.1:1");
  EXPECT_EQ(options.max_record_age, std::chrono::minutes(90));
  EXPECT_EQ(options.max_write_units, 12.5);
  EXPECT_EQ(options.metrics, "");
}

TEST(Handlers, ReadsMapboxsReplica) {
  const auto plain = options_of("index.replicate", kMapbox).value();
  EXPECT_EQ(table_of(plain).address, "us-east-1/Orders");
  EXPECT_FALSE(plain.target_keys);
  Variables variables = mapbox_with("ReplicaEndpoint", "http://127.0.0.1:8000/");
  variables["ReplicaAccessKeyId"] = "id";
  variables["ReplicaSecretAccesseKey"] = "secret";  // as a fork's manual spells it
  const auto keyed = options_of("index.replicate", variables).value();
  EXPECT_EQ(table_of(keyed).address, "http://127.0.0.1:8000/Orders");
  EXPECT_EQ(table_of(keyed).region, "us-east-1");
  EXPECT_EQ(keyed.target_keys->id, "id");
  EXPECT_EQ(keyed.target_keys->secret.reveal(), "secret");
}

TEST(Handlers, ReadsMapboxsBackup) {
  const auto options =
      options_of("index.backup", {{"BackupBucket", "b"}, {"BackupPrefix", "a/p"}, {"BackupRegion", "eu-west-1"}})
          .value();
  const auto& target = std::get<service::ObjectsOptions>(options.target);
  EXPECT_EQ(target.url, "s3://b/a/p");
  EXPECT_EQ(target.store.region, "eu-west-1");
}

TEST(Handlers, ReadsTheTurnover) {
  Variables variables = mapbox_with("TurnoverRole", "AFTER");
  EXPECT_THAT(refusal_of("index.replicate", variables), HasSubstr("TurnoverAt"));
  variables["TurnoverAt"] = "1800000000000";
  const auto turnover = options_of("index.replicate", variables).value().turnover.value();
  EXPECT_EQ(turnover.role, transform::Turnover::Role::kAfter);
  EXPECT_EQ(turnover.moment, WallTime(std::chrono::seconds(1'800'000'000)));
  variables["TurnoverAt"] = "tomorrow";
  EXPECT_THAT(refusal_of("index.replicate", variables), HasSubstr("TurnoverAt"));
  EXPECT_THAT(refusal_of("index.replicate", mapbox_with("TurnoverAt", "1")), HasSubstr("TurnoverRole"));
}

TEST(Handlers, TakesTheCrossAccountRoleInThePartitionOfTheTarget) {
  Variables variables{{"TARGET_AWS_ACCOUNT_NUMBER", "123456789012"},
                      {"TARGET_ROLE_NAME", "replay"},
                      {"TARGET_DYNAMODB_NAME", "T"},
                      {"TARGET_REGION", "us-gov-west-1"}};
  const auto options = options_of("ReplayFromStream.lambda_handler", variables).value();
  EXPECT_EQ(table_of(options).address, "us-gov-west-1/T");
  EXPECT_EQ(table_of(options).side.role_arn, "arn:aws-us-gov:iam::123456789012:role/replay");
  variables.erase("TARGET_ROLE_NAME");
  EXPECT_THAT(refusal_of("ReplayFromStream.lambda_handler", variables), HasSubstr("TARGET_ROLE_NAME"));
}

TEST(Handlers, ReadsTheCircularReplicatorsTarget) {
  Variables variables{{"TARGET_REGION", "us-west-2"}, {"TARGET_TABLE", "T"}};
  const auto options = options_of("replicator.lambda_handler", variables).value();
  EXPECT_EQ(table_of(options).address, "us-west-2/T");
  EXPECT_TRUE(options.tags);
  EXPECT_EQ(options.on_failure, OnFailure::kError);
  variables.erase("TARGET_TABLE");
  EXPECT_THAT(refusal_of("replicator.lambda_handler", variables), HasSubstr("TARGET_TABLE"));
  Variables own{{"DYNAMIRROR_TARGET", "eu-west-1/T"}};
  EXPECT_FALSE(options_of("dynamirror.replicate", own).value().tags);
  own["DYNAMIRROR_TAGS"] = "true";
  EXPECT_TRUE(options_of("dynamirror.replicate", own).value().tags);
  own["DYNAMIRROR_TAGS"] = "yes";
  EXPECT_THAT(refusal_of("dynamirror.replicate", own), HasSubstr("DYNAMIRROR_TAGS"));
}

TEST(Handlers, AllVariablesOfOursAreKnownWhicheverHandlerReadsThem) {
  const auto known = known_variables();
  for (const char* name :
       {"DYNAMIRROR_TARGET", "DYNAMIRROR_TARGET_ROLE_ARN", "DYNAMIRROR_TAGS", "DYNAMIRROR_KMS_KEY_ID",
        "DYNAMIRROR_SOURCE_EXTERNAL_ID", "DYNAMIRROR_S3_ENDPOINT", "DYNAMIRROR_ALLOW_INSECURE", "DYNAMIRROR_METRICS",
        "DYNAMIRROR_LOG_LEVEL", "ReplicaTable", "TARGET_TABLE"}) {
    EXPECT_THAT(known, ::testing::Contains(name));
  }
  EXPECT_THAT(known, ::testing::Not(::testing::Contains("DYNAMIRROR_DEAD_LETTER")));
}

TEST(Handlers, RefusesWhatCannotWorkByTheNameOfTheVariable) {
  EXPECT_THAT(refusal_of("dynamirror.replicate", {}), HasSubstr("DYNAMIRROR_TARGET"));
  EXPECT_THAT(refusal_of("index.replicate", mapbox_with("ReplicaAccessKeyId", "id")),
              HasSubstr("ReplicaSecretAccessKey"));
  for (const auto& [name, value] : Variables{{"DYNAMIRROR_ON_FAILURE", "maybe"},
                                             {"DYNAMIRROR_MAX_RECORD_AGE", "old"},
                                             {"DYNAMIRROR_MAX_WRITE_UNITS", "0"},
                                             {"DYNAMIRROR_MAX_READ_UNITS", "1x"},
                                             {"DYNAMIRROR_ALLOW_INSECURE", "yes"},
                                             {"DYNAMIRROR_LOG_LEVEL", "loud"}}) {
    EXPECT_THAT(refusal_of("index.replicate", mapbox_with(name, value)), HasSubstr(name));
  }
  EXPECT_THAT(refusal_of("index.other", kMapbox), HasSubstr("index.other"));
}

}  // namespace
}  // namespace dynamirror::lambda
