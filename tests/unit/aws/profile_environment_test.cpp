// SPDX-License-Identifier: Apache-2.0
//
// Goal: a profile says how its services are reached, in the SDKs' order of precedence, and mistakes name the setting.
// Method: variables and files in memory; the order was compared with botocore 1.44.
#include "aws/credentials/profile_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/endpoints/endpoint.hpp"
#include "support/aws_stand_ins.hpp"

namespace dynamirror::aws {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ProfileEnvironmentTest : public ::testing::Test {
 protected:
  ProfileEnvironmentTest() { environment_.variables["HOME"] = "/home/u"; }

  void config(const std::string& text) { environment_.files["/home/u/.aws/config"] = text; }

  /// The URL of the endpoint that is named for a service; "none", or the error's line.
  std::string endpoint(Service service, const std::string& profile = {}) {
    const auto settings = ProfileEnvironment::of(environment_, profile);
    if (!settings) return to_line(settings.error());
    const auto options = endpoint_options(service, *settings);
    if (!options) return to_line(options.error());
    return options->explicit_endpoint ? options->explicit_endpoint->url() : "none";
  }

  support::MapEnvironment environment_;
};

TEST_F(ProfileEnvironmentTest, TakesEndpointsInTheOrderOfTheSdks) {
  config(
      "[default]\nservices = mine\nendpoint_url = https://general\n[services mine]\n"
      "dynamodb =\n  endpoint_url = https://own\n  other = 1\n[profile plain]\n");
  EXPECT_EQ(endpoint(Service::kDynamoDb), "https://own");
  EXPECT_EQ(endpoint(Service::kDynamoDbStreams), "https://general");
  EXPECT_EQ(endpoint(Service::kDynamoDb, "plain"), "none");
  environment_.variables["AWS_ENDPOINT_URL"] = "https://variable";
  EXPECT_EQ(endpoint(Service::kDynamoDb), "https://variable") << "every variable goes before every setting";
  environment_.variables["AWS_ENDPOINT_URL_DYNAMODB"] = "https://own-variable";
  EXPECT_EQ(endpoint(Service::kDynamoDb), "https://own-variable");
}

TEST_F(ProfileEnvironmentTest, ReadsEverySettingUnlessItsVariableIsSet) {
  config(
      "[profile p]\nendpoint_url = https://x\nignore_configured_endpoint_urls = true\nuse_fips_endpoint = true\n"
      "use_dualstack_endpoint = true\nca_bundle = /ca.pem\n");
  EXPECT_EQ(endpoint(Service::kSts, "p"), "none");
  environment_.variables["AWS_USE_DUALSTACK_ENDPOINT"] = "false";
  const auto settings = ProfileEnvironment::of(environment_, "p").value();
  const auto options = endpoint_options(Service::kDynamoDb, settings).value();
  EXPECT_TRUE(options.fips);
  EXPECT_FALSE(options.dual_stack);
  EXPECT_EQ(settings.variable("AWS_CA_BUNDLE"), "/ca.pem");
}

TEST_F(ProfileEnvironmentTest, NamesTheSettingThatIsWrong) {
  config(
      "[profile p]\nendpoint_url = localhost\n[profile q]\nservices = absent\n[profile r]\nservices = s\n"
      "[services s]\ndynamodb =\n  endpoint_url = ftp://x\n[profile broken]\nx\n");
  EXPECT_THAT(endpoint(Service::kSts, "p"), HasSubstr("read endpoint_url of profile p: it is no URL"));
  EXPECT_THAT(endpoint(Service::kSts, "q"), AllOf(HasSubstr("read profile q"), HasSubstr("[services absent]")));
  EXPECT_THAT(endpoint(Service::kDynamoDb, "r"), HasSubstr("read dynamodb.endpoint_url of services s"));
  EXPECT_THAT(endpoint(Service::kSts, "broken"), HasSubstr("line 11: expected"));
  EXPECT_EQ(endpoint(Service::kSts, "nobody"), "none") << "that is for the credentials to tell";
}

}  // namespace
}  // namespace dynamirror::aws
