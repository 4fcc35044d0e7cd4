// SPDX-License-Identifier: Apache-2.0
//
// Goal: every documented way of naming a stream of Kinesis is understood, and anything else is refused with what is
// wrong. Method: examples of each form, good and bad.
#include "aws/endpoints/stream_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(std::string_view text) {
  const auto address = parse_stream_address(text);
  if (address) return "accepted as " + address->display();
  EXPECT_EQ(address.error().error_class, ErrorClass::kInvalid);
  return to_line(address.error());
}

TEST(StreamAddress, IsARegionAndAName) {
  const auto address = parse_stream_address("kinesis:eu-west-1/orders-2.x_Y");
  ASSERT_TRUE(address) << to_line(address.error());
  EXPECT_EQ(address->region.str(), "eu-west-1");
  EXPECT_EQ(address->name, "orders-2.x_Y");
  EXPECT_EQ(address->arn(), "");
  EXPECT_EQ(address->display(), "kinesis:eu-west-1/orders-2.x_Y");
}

TEST(StreamAddress, IsAnArnOfAnyPartition) {
  for (const std::string text : {"arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
                                 "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders",
                                 "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders",
                                 "arn:aws-iso:kinesis:us-iso-east-1:123456789012:stream/orders"}) {
    for (const std::string prefix : {"", "kinesis:"}) {
      const auto address = parse_stream_address(prefix + text);
      ASSERT_TRUE(address) << to_line(address.error());
      EXPECT_EQ(address->name, "orders");
      EXPECT_EQ(address->account_id, "123456789012");
      EXPECT_EQ(address->arn(), text);
      EXPECT_EQ(address->display(), text);
    }
  }
}

TEST(StreamAddress, IsAUrlWhoseHostMayNameTheRegion) {
  const auto local = parse_stream_address("http://localhost:4567/orders");
  ASSERT_TRUE(local) << to_line(local.error());
  EXPECT_EQ(local->region.str(), "local");
  EXPECT_EQ(local->endpoint->port, 4567);
  EXPECT_EQ(local->display(), "http://localhost:4567/orders");
  EXPECT_EQ(parse_stream_address("https://kinesis.eu-central-1.amazonaws.com/orders")->region.str(), "eu-central-1");
}

TEST(StreamAddress, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "no stream named"},
      {"kinesis:", "no stream named"},
      {"eu-west-1/orders", "nothing says that it is a stream of Kinesis"},
      {"kinesis:orders", "no region before the stream"},
      {"kinesis:local/orders", "\"local\" is not a region"},
      {"kinesis:eu-west-1/", "\"\" is not a stream's name"},
      {"kinesis:eu-west-1/a b", "\"a b\" is not a stream's name"},
      {"kinesis:eu-west-1/" + std::string(129, 'a'), "is not a stream's name"},
      {"ftp://host/orders", "only http and https"},
      {"http://localhost:4567", "no stream after the endpoint"},
      {"http://localhost:4567/a/b", "\"a/b\" is not a stream's name"},
      {"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders", "not one of Kinesis"},
      {"arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/c:1", "a consumer of a stream"},
      {"arn:aws:kinesis:eu-west-1:123456789012:table/orders", "does not name a stream"},
      {"arn:aws:kinesis:eu-west-1:1234:stream/orders", "not 12 digits"},
      {"arn:aws-cn:kinesis:eu-west-1:123456789012:stream/orders", "not in partition aws-cn"},
      {"arn:aws:kinesis", "too few parts"}};
  for (const auto& [text, why] : cases) {
    EXPECT_THAT(refusal(text), HasSubstr(why)) << text;
    EXPECT_THAT(refusal(text), HasSubstr("kinesis:region/name")) << text;
  }
  EXPECT_THAT(refusal("http://user:secret@host:1/orders"), Not(HasSubstr("secret")));
}

TEST(StreamAddress, TakesTheRegionFromAnOptionWhereItNamesNone) {
  const auto local = parse_stream_address("http://localhost:4567/orders");
  EXPECT_EQ(settle_region(*local, "eu-west-1", std::nullopt)->region.str(), "eu-west-1");
  EXPECT_EQ(settle_region(*local, "", "us-east-1")->region.str(), "us-east-1");
  const auto named = parse_stream_address("kinesis:eu-west-1/orders");
  EXPECT_THAT(to_line(settle_region(*named, "us-east-1", std::nullopt).error()), HasSubstr("leave the option out"));
}

}  // namespace
}  // namespace dynamirror::aws
