// SPDX-License-Identifier: Apache-2.0
//
// Goal: requests go to the host that AWS documents for service, region and kind of endpoint, or where the user said.
// Method: the published host names, as literals.
#include "aws/endpoints/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/endpoints/partition.hpp"
#include "support/aws_stand_ins.hpp"

namespace dynamirror::aws {
namespace {

using support::MapEnvironment;
using ::testing::HasSubstr;
using ::testing::Not;

std::string host(Service service, const char* region, bool fips = false, bool dual_stack = false) {
  const auto endpoint = resolve_endpoint(service, Region(region), {.fips = fips, .dual_stack = dual_stack});
  return endpoint ? endpoint->host : "error: " + to_line(endpoint.error());
}

TEST(ResolveEndpoint, FollowsThePartitionOfTheRegion) {
  EXPECT_EQ(host(Service::kDynamoDb, "us-east-1"), "dynamodb.us-east-1.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "us-east-1"), "streams.dynamodb.us-east-1.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDb, "cn-northwest-1"), "dynamodb.cn-northwest-1.amazonaws.com.cn");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "cn-north-1"), "streams.dynamodb.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(host(Service::kDynamoDb, "us-gov-west-1"), "dynamodb.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDb, "us-iso-east-1"), "dynamodb.us-iso-east-1.c2s.ic.gov");
  EXPECT_EQ(host(Service::kDynamoDb, "us-isob-east-1"), "dynamodb.us-isob-east-1.sc2s.sgov.gov");
  EXPECT_EQ(host(Service::kDynamoDb, "us-isof-south-1"), "dynamodb.us-isof-south-1.csp.hci.ic.gov");
  EXPECT_EQ(host(Service::kDynamoDb, "eu-isoe-west-1"), "dynamodb.eu-isoe-west-1.cloud.adc-e.uk");
  EXPECT_EQ(host(Service::kDynamoDb, "eusc-de-east-1"), "dynamodb.eusc-de-east-1.amazonaws.eu");
  EXPECT_EQ(host(Service::kSts, "eu-west-1"), "sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(host(Service::kSts, "cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(host(Service::kCloudWatch, "eu-west-1"), "monitoring.eu-west-1.amazonaws.com");
}

TEST(ResolveEndpoint, KnowsFipsAndDualStackHosts) {
  EXPECT_EQ(host(Service::kDynamoDb, "us-east-1", true), "dynamodb-fips.us-east-1.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "us-east-2", true), "streams.dynamodb-fips.us-east-2.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDb, "us-east-1", false, true), "dynamodb.us-east-1.api.aws");
  EXPECT_EQ(host(Service::kDynamoDb, "us-east-1", true, true), "dynamodb-fips.us-east-1.api.aws");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "us-east-2", false, true), "streams-dynamodb.us-east-2.api.aws");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "us-east-2", true, true), "streams-dynamodb-fips.us-east-2.api.aws");
  EXPECT_EQ(host(Service::kDynamoDb, "cn-north-1", false, true), "dynamodb.cn-north-1.api.amazonwebservices.com.cn");
  EXPECT_EQ(host(Service::kS3, "eu-west-1", false, true), "s3.dualstack.eu-west-1.amazonaws.com");
  EXPECT_EQ(host(Service::kS3, "us-east-1", true, true), "s3-fips.dualstack.us-east-1.amazonaws.com");
}

TEST(ResolveEndpoint, UsesThePlainHostForFipsInGovCloud) {
  EXPECT_EQ(host(Service::kDynamoDb, "us-gov-west-1", true), "dynamodb.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(host(Service::kDynamoDbStreams, "us-gov-east-1", true), "streams.dynamodb.us-gov-east-1.amazonaws.com");
  EXPECT_EQ(host(Service::kSts, "us-gov-west-1", true), "sts.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(host(Service::kS3, "us-gov-west-1", true), "s3-fips.us-gov-west-1.amazonaws.com");
}

TEST(ResolveEndpoint, RefusesEndpointsThatDoNotExist) {
  EXPECT_THAT(host(Service::kDynamoDb, "cn-north-1", true), HasSubstr("no FIPS endpoints"));
  EXPECT_THAT(host(Service::kDynamoDb, "us-iso-east-1", false, true), HasSubstr("no dual-stack endpoints"));
  for (const char* region : {"", "local", "eu west", "evil.com/", "EU-WEST-1"}) {
    EXPECT_THAT(host(Service::kDynamoDb, region), HasSubstr("not an AWS region")) << region;
  }
}

TEST(EndpointOptions, TakesTheServicesOwnVariableBeforeTheGeneralOne) {
  MapEnvironment environment;
  environment.variables = {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"},
                           {"AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2"},
                           {"AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "https://streams.test"}};
  const auto port_of = [&](Service service) {
    return endpoint_options(service, environment).value().explicit_endpoint.value().port;
  };
  EXPECT_EQ(port_of(Service::kDynamoDb), 2);
  EXPECT_EQ(port_of(Service::kDynamoDbStreams), 443);
  EXPECT_EQ(port_of(Service::kSts), 1);
  const auto named =
      endpoint_options(Service::kDynamoDb, environment, http::Endpoint{.tls = true, .host = "h", .port = 9});
  EXPECT_EQ(named.value().explicit_endpoint.value().port, 9) << "the command line wins";
  environment.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "TRUE";
  EXPECT_FALSE(endpoint_options(Service::kDynamoDb, environment).value().explicit_endpoint);
}

TEST(EndpointOptions, ReadsFipsAndDualStackUnlessAnEndpointIsNamed) {
  MapEnvironment environment;
  environment.variables = {{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}};
  EXPECT_TRUE(endpoint_options(Service::kDynamoDb, environment).value().fips);
  EXPECT_TRUE(endpoint_options(Service::kDynamoDb, environment).value().dual_stack);
  environment.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1";
  EXPECT_FALSE(endpoint_options(Service::kDynamoDb, environment).value().fips);
}

TEST(EndpointOptions, RefusesAVariableThatIsNoEndpointWithoutRepeatingAPassword) {
  MapEnvironment environment;
  for (const char* url : {"localhost", "ftp://x", "http://host/path", "https://user:hunter2@host"}) {
    environment.variables["AWS_ENDPOINT_URL_DYNAMODB"] = url;
    const auto options = endpoint_options(Service::kDynamoDb, environment);
    ASSERT_FALSE(options) << url;
    EXPECT_THAT(to_line(options.error()), HasSubstr("AWS_ENDPOINT_URL_DYNAMODB"));
    EXPECT_THAT(to_line(options.error()), Not(HasSubstr("hunter2")));
  }
}

TEST(EndpointOptions, LeaveThisMachineUnencryptedOnlyWhenAllowed) {
  const http::Endpoint elsewhere{.tls = false, .host = "10.0.0.5", .port = 8000};
  for (const Service service : {Service::kDynamoDb, Service::kDynamoDbStreams, Service::kSts, Service::kS3,
                                Service::kKinesis, Service::kCloudWatch}) {
    MapEnvironment environment;
    const auto refusal = [&](std::optional<http::Endpoint> named = std::nullopt) {
      const auto options = endpoint_options(service, environment, std::move(named));
      return options ? "accepted" : to_line(options.error());
    };
    EXPECT_THAT(refusal(elsewhere), HasSubstr("http://10.0.0.5:8000: plain http to another machine"));
    EXPECT_THAT(refusal(elsewhere), HasSubstr("--allow-insecure"));
    environment.variables["AWS_ENDPOINT_URL"] = "http://localstack.internal:4566";
    EXPECT_THAT(refusal(), HasSubstr(to_string(service)));
    EXPECT_THAT(refusal(), HasSubstr("--allow-insecure"));
    environment.plain_http = true;
    EXPECT_EQ(refusal(), "accepted");
    EXPECT_EQ(refusal(elsewhere), "accepted");
    environment.plain_http = false;
    for (const char* url : {"https://localstack.internal:4566", "http://127.0.0.1:1", "http://localhost:1"}) {
      environment.variables["AWS_ENDPOINT_URL"] = url;
      EXPECT_EQ(refusal(), "accepted") << url;
    }
  }
}

TEST(EndpointOptions, TakesTheEndpointBesideTheServiceBeforeTheGeneralVariable) {
  MapEnvironment environment;
  const http::Endpoint beside{.tls = true, .host = "beside", .port = 443};
  const auto host_of_streams = [&] {
    return endpoint_options(Service::kDynamoDbStreams, environment, std::nullopt, beside)
        .value()
        .explicit_endpoint.value()
        .host;
  };
  environment.variables["AWS_ENDPOINT_URL"] = "https://general";
  EXPECT_EQ(host_of_streams(), "beside");
  environment.variables["AWS_ENDPOINT_URL_DYNAMODB_STREAMS"] = "https://own";
  EXPECT_EQ(host_of_streams(), "own");
  environment.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(host_of_streams(), "beside");
}

TEST(StreamsBeside, AreAtHostsOfTheirOwnAtAws) {
  const auto streams = [](const char* url) { return streams_beside(http::parse_url(url)->endpoint).url(); };
  EXPECT_EQ(streams("https://dynamodb.eu-west-1.amazonaws.com"), "https://streams.dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(streams("https://123456789012.ddb.eu-west-1.amazonaws.com"),
            "https://streams.dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(streams("https://vpce-1a-2b.dynamodb.eu-west-1.vpce.amazonaws.com"),
            "https://streams.dynamodb.eu-west-1.amazonaws.com");
  EXPECT_EQ(streams("https://dynamodb-fips.us-east-1.amazonaws.com"),
            "https://streams.dynamodb-fips.us-east-1.amazonaws.com");
  EXPECT_EQ(streams("https://dynamodb.us-east-1.api.aws"), "https://streams-dynamodb.us-east-1.api.aws");
  EXPECT_EQ(streams("https://dynamodb.cn-north-1.amazonaws.com.cn"),
            "https://streams.dynamodb.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(streams("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
}

TEST(RegionOfHost, IsFoundInTheHostNamesOfEveryPartition) {
  EXPECT_EQ(region_of_host("dynamodb.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(region_of_host("123456789012.ddb.us-east-1.amazonaws.com"), "us-east-1");
  EXPECT_EQ(region_of_host("dynamodb.us-east-1.api.aws"), "us-east-1");
  EXPECT_EQ(region_of_host("vpce-1a2b3c4d-5e6f.dynamodb.us-east-1.vpce.amazonaws.com"), "us-east-1");
  EXPECT_EQ(region_of_host("bucket.vpce-1a2b-5e6f.s3.cn-north-1.vpce.amazonaws.com.cn"), "cn-north-1");
  EXPECT_EQ(region_of_host("dynamodb.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  EXPECT_FALSE(region_of_host("dynamodb.example.com"));
  EXPECT_FALSE(region_of_host("eu-west-1.amazonaws.com"));
  EXPECT_FALSE(region_of_host("amazonaws.com"));
}

}  // namespace
}  // namespace dynamirror::aws
