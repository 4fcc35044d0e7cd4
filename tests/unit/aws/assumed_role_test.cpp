// SPDX-License-Identifier: Apache-2.0
//
// Goal: the role of a side is assumed, renewed and told as the SDKs do it, whatever STS answers.
// Method: as in credentials_chain_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.hpp"
#include "unit/aws/credentials_chain_fixture.hpp"

namespace dynamirror::aws {
namespace {

using support::run_task;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CredentialsChainTest, TakesOnTheRoleOfTheSideWithItsExternalId) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  const SideOptions side{
      .role_arn = "arn:aws:iam::2:role/mirror", .external_id = "their-secret-id", .region = "eu-west-1"};
  transport_.expect("POST", kSts)
      .with_header("authorization", HasSubstr("Credential=ENV/"))
      .with_body(
          "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fmirror"
          "&RoleSessionName=dynamirror&ExternalId=their-secret-id")
      .answer(200, sts_answer("AssumeRole", "SIDE"));
  EXPECT_EQ(found(side), "SIDE STS-SECRET STS-TOKEN by role arn:aws:iam::2:role/mirror assumed with environment");
  EXPECT_THAT(found({.external_id = "x"}), HasSubstr("no role to use it for"));
}

TEST_F(CredentialsChainTest, TellsWhatStsAnswersAndWhichRole) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  transport_.expect("POST", kSts)
      .answer(403,
              "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no trust</Message>"
              "</Error><RequestId>R</RequestId></ErrorResponse>");
  EXPECT_EQ(found({.role_arn = "arn:aws:iam::2:role/mirror", .region = "eu-west-1"}),
            "assume role arn:aws:iam::2:role/mirror: AccessDenied: no trust (HTTP 403, request R)");
}

TEST_F(CredentialsChainTest, AsksStsAgainAfterTroubleOnTheWay) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  transport_.expect("POST", kSts).fail("Timeout");
  transport_.expect("POST", kSts).answer(503, "busy");
  transport_.expect("POST", kSts).answer(200, sts_answer("AssumeRole", "SIDE"));
  EXPECT_THAT(found({.role_arn = "arn:aws:iam::2:role/m", .region = "eu-west-1"}), HasSubstr("SIDE"));
}

TEST_F(CredentialsChainTest, AsksStsWhereTheSidesProfileSays) {
  environment_.files[kConfig] =
      "[profile app]\nrole_arn=arn:aws:iam::123456789012:role/app\nsource_profile=base\n"
      "endpoint_url=https://app.test\n[profile base]\nendpoint_url=https://base.test\naws_access_key_id=BASE\n"
      "aws_secret_access_key=b\n";
  transport_.expect("POST", "https://app.test/").answer(200, sts_answer("AssumeRole", "ASSUMED"));
  EXPECT_THAT(found({.profile = "app"}), HasSubstr("ASSUMED STS-SECRET"));
}

TEST_F(CredentialsChainTest, CorrectsTheClockForSts) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  transport_.expect("POST", kSts)
      .answer(403,
              "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: now "
              "later</Message></Error>"
              "</ErrorResponse>",
              {{"date", "Thu, 01 Jan 2026 00:30:00 GMT"}});
  transport_.expect("POST", kSts)
      .with_header("x-amz-date", "20260101T003000Z")
      .answer(200, sts_answer("AssumeRole", "S"));
  EXPECT_THAT(found({.role_arn = "arn:aws:iam::2:role/m", .region = "eu-west-1"}), HasSubstr("S STS-SECRET"));
}

TEST_F(CredentialsChainTest, AsksStsInTheRolesPartitionAndWhereVariablesSay) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  const auto asked_at = [&](const std::string& url, const SideOptions& side) {
    transport_.expect("POST", url).answer(200, sts_answer("AssumeRole", "S"));
    EXPECT_THAT(found(side), HasSubstr("S STS-SECRET")) << url;
  };
  asked_at("https://sts.cn-north-1.amazonaws.com.cn/", {.role_arn = "arn:aws-cn:iam::2:role/m", .region = "eu-west-1"});
  asked_at("https://sts.us-gov-west-1.amazonaws.com/", {.role_arn = "arn:aws-us-gov:iam::2:role/m"});
  asked_at("https://sts.us-east-1.amazonaws.com/", {.role_arn = "arn:aws:iam::2:role/m", .region = "local"});
  environment_.variables["AWS_REGION"] = "eu-north-1";
  asked_at("https://sts.eu-north-1.amazonaws.com/", {.role_arn = "arn:aws:iam::2:role/m"});
  environment_.variables["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:7480";
  asked_at("http://127.0.0.1:7480/", {.role_arn = "arn:aws:iam::2:role/m"});
}

TEST_F(CredentialsChainTest, RenewsAnAssumedRoleInMidRun) {
  environment_.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  environment_.variables["AWS_SECRET_ACCESS_KEY"] = "s";
  const SideOptions side{.role_arn = "arn:aws:iam::2:role/m", .region = "eu-west-1"};
  auto provider = make_credentials(side, environment_, transport_, clock_, random_).value();
  for (int hour = 1; hour <= 3; ++hour) {
    const std::string id = "KEY" + std::to_string(hour);
    const std::string end = "2026-01-01T0" + std::to_string(hour) + ":00:00Z";
    transport_.expect("POST", kSts).answer(200, sts_answer("AssumeRole", id, end));
    EXPECT_EQ(run_task(provider->get())->access_key_id, id);
    EXPECT_EQ(run_task(provider->get())->access_key_id, id);
    clock_.advance(hour == 1 ? std::chrono::minutes(56) : std::chrono::minutes(60));
  }
}

TEST_F(CredentialsChainTest, RefusesAnswersThatAreNoCredentialsWithoutRepeatingThem) {
  environment_.variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/c";
  for (const char* answer : {"SECRET-TEXT", "{\"AccessKeyId\":\"SECRET-TEXT\"}", "[\"SECRET-TEXT\"]", "",
                             "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET-TEXT\",\"Expiration\":\"soon\"}",
                             "{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET-TEXT\"}",
                             "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":[\"SECRET-TEXT\"]}"}) {
    transport_.expect("GET", "http://169.254.170.2/c").answer(200, answer);
    const std::string text = found();
    EXPECT_THAT(text, HasSubstr("get container credentials")) << answer;
    EXPECT_THAT(text, Not(HasSubstr("SECRET-TEXT")));
  }
}

}  // namespace
}  // namespace dynamirror::aws
