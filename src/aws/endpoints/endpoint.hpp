// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "aws/environment.hpp"
#include "base/error.hpp"
#include "base/strong_id.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

enum class Service { kDynamoDb, kDynamoDbStreams, kSts, kS3, kKinesis, kCloudWatch, kSqs };

/// For messages: "DynamoDB", "DynamoDB Streams", …
[[nodiscard]] std::string_view to_string(Service service);

/// The name in the scope of a signature: "dynamodb" (also for streams), "sts", "s3", "kinesis", "monitoring", "sqs".
[[nodiscard]] std::string_view signing_name(Service service);

struct EndpointOptions {
  bool fips = false;
  bool dual_stack = false;
  std::optional<http::Endpoint> explicit_endpoint{};  ///< wins over everything else
};

/// Where to send requests for a service in a region. Pure.
/// Errors: class invalid when no such endpoint is published (FIPS or dual stack in a partition without them), or when
/// the region is "local" or no region at all and no endpoint was named. Source: the endpoint rule sets that the AWS
/// SDKs share, and "Amazon DynamoDB endpoints and quotas".
[[nodiscard]] Result<http::Endpoint> resolve_endpoint(Service service, const Region& region,
                                                      const EndpointOptions& options);

/// What the environment says, in the order of the AWS SDKs: AWS_ENDPOINT_URL_<SERVICE>, then AWS_ENDPOINT_URL, unless
/// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is "true"; AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT. `named_by_user`,
/// an endpoint from the command line, wins over the variables; `beside`, that of a service whose sister this is, over
/// the general one. As in the SDKs, FIPS and dual stack are dropped beside
/// an explicit endpoint: the endpoint says where to go already. Errors: class invalid for a variable that is no URL, or
/// has a path, and for plain http to another machine unless the environment allows it, whoever has named the endpoint.
[[nodiscard]] Result<EndpointOptions> endpoint_options(Service service, const Environment& environment,
                                                       std::optional<http::Endpoint> named_by_user = std::nullopt,
                                                       std::optional<http::Endpoint> beside = std::nullopt);

/// Where the streams of tables at an endpoint are: AWS has other hosts for them, and none for each account or VPC
/// endpoint; other servers answer both. Pure.
[[nodiscard]] http::Endpoint streams_beside(const http::Endpoint& dynamodb);

}  // namespace dynamirror::aws
