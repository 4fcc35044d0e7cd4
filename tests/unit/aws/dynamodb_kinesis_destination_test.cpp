// SPDX-License-Identifier: Apache-2.0
//
// Goal: DynamoDB is asked to tell a table's changes to a stream, to the microsecond. Method: a scripted transport.
#include "aws/dynamodb/kinesis_destination.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/aws_stand_ins.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"

namespace dynamirror::aws {
namespace {

constexpr const char* kUrl = "https://dynamodb.eu-west-1.amazonaws.com/";
const StreamArn kStream("arn:aws:kinesis:eu-west-1:123456789012:stream/orders");

class KinesisDestinationTest : public ::testing::Test {
 protected:
  support::ScriptedTransport::Exchange& expect(const std::string& operation, const std::string& body) {
    return transport_.expect("POST", kUrl)
        .with_header("x-amz-target", "DynamoDB_20120810." + operation)
        .with_body(body);
  }

  support::ScriptedTransport transport_;
  support::StandInCredentials credentials_;
  ManualClock clock_;
  Random random_{1};
  ApiClient api_{{.endpoint = {.tls = true, .host = "dynamodb.eu-west-1.amazonaws.com", .port = 443},
                  .region = Region("eu-west-1")},
                 transport_,
                 credentials_,
                 clock_,
                 random_};
  DynamoDbClient client_{api_, clock_};
  const TableName table_{"Orders"};
};

TEST_F(KinesisDestinationTest, IsEnabledWithMicroseconds) {
  expect("EnableKinesisStreamingDestination",
         R"({"TableName":"Orders","StreamArn":")" + kStream.str() +
             R"(","EnableKinesisStreamingConfiguration":{"ApproximateCreationDateTimePrecision":"MICROSECOND"}})")
      .answer(200, R"({"DestinationStatus":"ENABLING","EnableKinesisStreamingConfiguration":)"
                   R"({"ApproximateCreationDateTimePrecision":"MICROSECOND"},"StreamArn":")" +
                       kStream.str() + R"(","TableName":"Orders"})");
  const auto destination = support::run_task(enable_kinesis_destination(client_, table_, kStream));
  ASSERT_TRUE(destination) << to_line(destination.error());
  EXPECT_EQ(destination->status, "ENABLING");
  EXPECT_EQ(destination->precision, "MICROSECOND");
  EXPECT_EQ(destination->stream, kStream);

  transport_.expect("POST", kUrl)
      .answer(400, R"({"__type":"ResourceInUseException","message":"Table already has a destination"})");
  const auto twice = support::run_task(enable_kinesis_destination(client_, table_, kStream));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().error_class, ErrorClass::kConflict);

  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_EQ(support::run_task(enable_kinesis_destination(client_, table_, kStream)).error().error_class,
            ErrorClass::kFatal);
}

TEST_F(KinesisDestinationTest, IsDescribed) {
  expect("DescribeKinesisStreamingDestination", R"({"TableName":"Orders"})")
      .answer(200, R"({"KinesisDataStreamDestinations":[{"DestinationStatus":"ENABLE_FAILED",)"
                   R"("DestinationStatusDescription":"no right","StreamArn":"a"},{"StreamArn":"b",)"
                   R"("ApproximateCreationDateTimePrecision":"MILLISECOND","DestinationStatus":"ACTIVE"}],)"
                   R"("TableName":"Orders"})");
  const auto destinations = support::run_task(kinesis_destinations(client_, table_));
  ASSERT_TRUE(destinations) << to_line(destinations.error());
  ASSERT_EQ(destinations->size(), 2u);
  EXPECT_EQ((*destinations)[0].status_reason, "no right");
  EXPECT_EQ((*destinations)[0].precision, "");
  EXPECT_EQ((*destinations)[1].stream, StreamArn("b"));
  EXPECT_EQ((*destinations)[1].status, "ACTIVE");
  EXPECT_EQ((*destinations)[1].precision, "MILLISECOND");

  transport_.expect("POST", kUrl).answer(200, "{}");
  EXPECT_EQ(support::run_task(kinesis_destinations(client_, table_)).error().error_class, ErrorClass::kFatal);
}

}  // namespace
}  // namespace dynamirror::aws
