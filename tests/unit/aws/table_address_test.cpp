// SPDX-License-Identifier: Apache-2.0
//
// Goal: every documented way of naming a table is understood, and anything else is refused with what is wrong.
// Method: examples of each form, good and bad.
#include "aws/endpoints/table_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dynamirror::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(std::string_view text) {
  const auto address = parse_table_address(text);
  if (address) return "accepted as " + address->display();
  EXPECT_EQ(address.error().error_class, ErrorClass::kInvalid);
  return to_line(address.error());
}

TEST(TableAddress, IsARegionAndATable) {
  const auto address = parse_table_address("eu-west-1/Orders-2.x_y");
  ASSERT_TRUE(address) << to_line(address.error());
  EXPECT_EQ(address->region.str(), "eu-west-1");
  EXPECT_EQ(address->table.str(), "Orders-2.x_y");
  EXPECT_FALSE(address->endpoint);
  EXPECT_EQ(address->display(), "eu-west-1/Orders-2.x_y");
}

TEST(TableAddress, IsAnArnOfAnyPartition) {
  for (const char* text : {"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders",
                           "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/Orders",
                           "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/Orders"}) {
    const auto address = parse_table_address(text);
    ASSERT_TRUE(address) << to_line(address.error());
    EXPECT_EQ(address->table.str(), "Orders");
    EXPECT_EQ(address->account_id, "123456789012");
    EXPECT_EQ(address->display(), text);
    EXPECT_EQ(address->owner() + "Orders", text);
  }
  EXPECT_EQ(parse_table_address("eu-west-1/Orders")->owner(), "");
}

TEST(TableAddress, IsAUrlWhoseHostMayNameTheRegion) {
  const auto local = parse_table_address("http://localhost:8000/Orders");
  ASSERT_TRUE(local) << to_line(local.error());
  EXPECT_EQ(local->region.str(), "local");
  EXPECT_EQ(local->endpoint->port, 8000);
  EXPECT_EQ(local->display(), "http://localhost:8000/Orders");

  const auto real = parse_table_address("https://dynamodb.eu-central-1.amazonaws.com/Orders");
  ASSERT_TRUE(real) << to_line(real.error());
  EXPECT_EQ(real->region.str(), "eu-central-1");
}

TEST(TableAddress, IsAHostAPortAndATable) {
  for (const char* text : {"localhost:8000/Orders", "127.0.0.1:8000/Orders", "[::1]:8000/Orders"}) {
    const auto address = parse_table_address(text);
    ASSERT_TRUE(address) << to_line(address.error());
    EXPECT_FALSE(address->endpoint->tls);
    EXPECT_EQ(address->region.str(), "local");
    EXPECT_EQ(address->display(), std::string("http://") + text);
  }
}

TEST(TableAddress, SaysWhichPartIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("no table named"));
  EXPECT_THAT(refusal("Orders"), HasSubstr("no region or endpoint"));
  EXPECT_THAT(refusal("nowhere/Orders"), HasSubstr("\"nowhere\" is not a region"));
  EXPECT_THAT(refusal("local/Orders"), HasSubstr("not a region"));
  EXPECT_THAT(refusal("eu-west-1/ab"), HasSubstr("not a table name"));
  EXPECT_THAT(refusal("eu-west-1/a/b"), HasSubstr("not a table name"));
  EXPECT_THAT(refusal("eu-west-1/" + std::string(256, 'a')), HasSubstr("not a table name"));
  EXPECT_THAT(refusal("http://localhost:8000/"), HasSubstr("no table after the endpoint"));
  EXPECT_THAT(refusal("http://localhost:99999/Orders"), HasSubstr("not an endpoint"));
  EXPECT_THAT(refusal("ftp://localhost/Orders"), HasSubstr("only http and https"));
}

TEST(TableAddress, SaysWhatIsWrongWithAnArn) {
  EXPECT_THAT(refusal("arn:aws:dynamodb:eu-west-1"), HasSubstr("too few parts"));
  EXPECT_THAT(refusal("arn:aws-mars:dynamodb:eu-west-1:123456789012:table/Orders"), HasSubstr("unknown partition"));
  EXPECT_THAT(refusal("arn:aws:s3:eu-west-1:123456789012:table/Orders"), HasSubstr("not one of DynamoDB"));
  EXPECT_THAT(refusal("arn:aws:dynamodb::123456789012:table/Orders"), HasSubstr("not a region"));
  EXPECT_THAT(refusal("arn:aws:dynamodb:cn-north-1:123456789012:table/Orders"), HasSubstr("not in partition aws"));
  EXPECT_THAT(refusal("arn:aws:dynamodb:eu-west-1:12345:table/Orders"), HasSubstr("12 digits"));
  EXPECT_THAT(refusal("arn:aws:dynamodb:eu-west-1:123456789012:backup/Orders"), HasSubstr("does not name a table"));
  EXPECT_THAT(refusal("arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000"),
              HasSubstr("a part of a table"));
}

TEST(TableAddress, IsSignedForItsOwnRegionOrTheOneThatWasSaid) {
  const auto region = [](std::string_view text, const std::string& named, std::optional<std::string> configured) {
    const auto settled = settle_region(parse_table_address(text).value(), named, configured);
    return settled ? settled->region.str() : to_line(settled.error());
  };
  constexpr auto kUrl = "http://127.0.0.1:8000/Orders";
  EXPECT_EQ(region(kUrl, "", std::nullopt), "local");
  EXPECT_EQ(region(kUrl, "", "us-east-1"), "us-east-1");
  EXPECT_EQ(region(kUrl, "eu-west-1", "us-east-1"), "eu-west-1");
  EXPECT_THAT(region(kUrl, "nowhere", std::nullopt), HasSubstr("\"nowhere\" is not a region"));
  for (const char* text : {"eu-west-1/Orders", "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders",
                           "https://123456789012.ddb.eu-west-1.amazonaws.com/Orders",
                           "https://vpce-1a-2b.dynamodb.eu-west-1.vpce.amazonaws.com/Orders"}) {
    EXPECT_EQ(region(text, "", "us-east-1"), "eu-west-1") << text;
    EXPECT_EQ(region(text, "eu-west-1", std::nullopt), "eu-west-1") << text;
    EXPECT_THAT(region(text, "us-east-1", std::nullopt), HasSubstr("leave the option out")) << text;
  }
}

TEST(TableAddress, DoesNotRepeatAPassword) {
  EXPECT_THAT(refusal("https://user:hunter2@host/Orders"), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace dynamirror::aws
