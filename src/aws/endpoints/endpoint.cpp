// SPDX-License-Identifier: Apache-2.0
#include "aws/endpoints/endpoint.hpp"

#include <string>
#include <utility>

#include "aws/endpoints/partition.hpp"

namespace dynamirror::aws {
namespace {

/// How the host names of one service are made.
struct HostNames {
  std::string_view plain;
  std::string_view fips;
  std::string_view dual_stack;
  std::string_view dual_stack_fips;
  /// In GovCloud the plain endpoint is the FIPS one; a "-fips" name does not exist beside it.
  bool gov_cloud_plain_is_fips;
};

HostNames host_names(Service service) {
  switch (service) {
    case Service::kDynamoDb:
      return {"dynamodb", "dynamodb-fips", "dynamodb", "dynamodb-fips", true};
    // The dot became a hyphen under the dual-stack domain, because its certificates cover a single label.
    case Service::kDynamoDbStreams:
      return {"streams.dynamodb", "streams.dynamodb-fips", "streams-dynamodb", "streams-dynamodb-fips", true};
    case Service::kSts:
      return {"sts", "sts-fips", "sts", "sts-fips", true};
    // S3's dual stack is older than "api.aws" and has its own pattern, below.
    case Service::kS3:
      return {"s3", "s3-fips", "s3.dualstack", "s3-fips.dualstack", false};
    case Service::kKinesis:
      return {"kinesis", "kinesis-fips", "kinesis", "kinesis-fips", true};
    case Service::kCloudWatch:
      return {"monitoring", "monitoring-fips", "monitoring", "monitoring-fips", true};
    case Service::kSqs:
      return {"sqs", "sqs-fips", "sqs", "sqs-fips", true};
  }
  return {};
}

std::string_view variable_suffix(Service service) {
  switch (service) {
    case Service::kDynamoDb:
      return "DYNAMODB";
    case Service::kDynamoDbStreams:
      return "DYNAMODB_STREAMS";
    case Service::kSts:
      return "STS";
    case Service::kS3:
      return "S3";
    case Service::kKinesis:
      return "KINESIS";
    case Service::kCloudWatch:
      return "CLOUDWATCH";
    case Service::kSqs:
      return "SQS";
  }
  return {};
}

std::unexpected<Error> no_endpoint(Service service, const Region& region, std::string message) {
  return failure(ErrorClass::kInvalid, "find the endpoint of " + std::string(to_string(service)), region.str(),
                 std::move(message));
}

http::Endpoint https(std::string host) { return http::Endpoint{.tls = true, .host = std::move(host), .port = 443}; }

/// An endpoint named by a variable; nothing when the variable is not set.
Result<std::optional<http::Endpoint>> endpoint_variable(const Environment& environment, const std::string& name) {
  const auto text = environment.variable(name);
  if (!text) return std::nullopt;
  auto endpoint = http::parse_endpoint(*text);
  if (!endpoint) {
    return failure(ErrorClass::kInvalid, "read", environment.origin(name), std::move(endpoint.error().message));
  }
  return std::move(*endpoint);
}

/// Signatures, session tokens and items must not be readable on the way.
Status refuse_plain_http(Service service, const http::Endpoint& endpoint, const Environment& environment) {
  if (endpoint.tls || endpoint.loopback() || environment.allows_plain_http()) return {};
  return failure(ErrorClass::kInvalid, "find the endpoint of " + std::string(to_string(service)), endpoint.url(),
                 "plain http to another machine would send everything unencrypted; use https, or allow it with "
                 "--allow-insecure");
}

}  // namespace

std::string_view to_string(Service service) {
  switch (service) {
    case Service::kDynamoDb:
      return "DynamoDB";
    case Service::kDynamoDbStreams:
      return "DynamoDB Streams";
    case Service::kSts:
      return "STS";
    case Service::kS3:
      return "S3";
    case Service::kKinesis:
      return "Kinesis";
    case Service::kCloudWatch:
      return "CloudWatch";
    case Service::kSqs:
      return "SQS";
  }
  return {};
}

std::string_view signing_name(Service service) {
  switch (service) {
    case Service::kDynamoDb:
    case Service::kDynamoDbStreams:
      return "dynamodb";
    case Service::kSts:
      return "sts";
    case Service::kS3:
      return "s3";
    case Service::kKinesis:
      return "kinesis";
    case Service::kCloudWatch:
      return "monitoring";
    case Service::kSqs:
      return "sqs";
  }
  return {};
}

Result<http::Endpoint> resolve_endpoint(Service service, const Region& region, const EndpointOptions& options) {
  if (options.explicit_endpoint) return *options.explicit_endpoint;
  if (!looks_like_region(region.str()) || region.str() == "local") {
    return no_endpoint(service, region, "not an AWS region; name a region such as eu-west-1, or an endpoint");
  }
  const Partition& partition = partition_of_region(region.str());
  const HostNames names = host_names(service);
  const bool s3_pattern = service == Service::kS3;
  if (options.dual_stack) {
    if (partition.dual_stack_suffix.empty()) {
      return no_endpoint(service, region, "partition " + std::string(partition.name) + " has no dual-stack endpoints");
    }
    const std::string_view name = options.fips ? names.dual_stack_fips : names.dual_stack;
    const std::string_view suffix = s3_pattern ? partition.dns_suffix : partition.dual_stack_suffix;
    return https(std::string(name) + "." + region.str() + "." + std::string(suffix));
  }
  const bool plain_is_fips = names.gov_cloud_plain_is_fips && partition.name == "aws-us-gov";
  const std::string_view name = options.fips && !plain_is_fips ? names.fips : names.plain;
  if (options.fips && partition.name == "aws-cn") {
    return no_endpoint(service, region, "partition aws-cn has no FIPS endpoints");
  }
  return https(std::string(name) + "." + region.str() + "." + std::string(partition.dns_suffix));
}

http::Endpoint streams_beside(const http::Endpoint& dynamodb) {
  const auto region = region_of_host(dynamodb.host);
  if (!region) return dynamodb;
  const std::string_view dual_stack = partition_of_region(*region).dual_stack_suffix;
  const EndpointOptions kind{.fips = dynamodb.host.find("dynamodb-fips.") != std::string::npos,
                             .dual_stack = !dual_stack.empty() && dynamodb.host.ends_with(dual_stack)};
  auto streams = resolve_endpoint(Service::kDynamoDbStreams, Region(std::string(*region)), kind);
  if (!streams) return dynamodb;
  return {.tls = dynamodb.tls, .host = std::move(streams->host), .port = dynamodb.port};
}

Result<EndpointOptions> endpoint_options(Service service, const Environment& environment,
                                         std::optional<http::Endpoint> named_by_user,
                                         std::optional<http::Endpoint> beside) {
  EndpointOptions options;
  options.explicit_endpoint = std::move(named_by_user);
  const bool ignored = environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
  const auto take = [&](const std::string& name) -> Status {
    if (options.explicit_endpoint || ignored) return {};
    auto endpoint = endpoint_variable(environment, name);
    if (!endpoint) return std::unexpected(std::move(endpoint.error()));
    options.explicit_endpoint = std::move(*endpoint);
    return {};
  };
  const std::string general = "AWS_ENDPOINT_URL";
  auto taken = take(general + "_" + std::string(variable_suffix(service)));
  if (!options.explicit_endpoint) options.explicit_endpoint = std::move(beside);
  if (taken) taken = take(general);
  if (!taken) return std::unexpected(std::move(taken.error()));
  if (options.explicit_endpoint) {
    if (auto fine = refuse_plain_http(service, *options.explicit_endpoint, environment); !fine) {
      return std::unexpected(std::move(fine.error()));
    }
  } else {
    options.fips = environment.is_true("AWS_USE_FIPS_ENDPOINT");
    options.dual_stack = environment.is_true("AWS_USE_DUALSTACK_ENDPOINT");
  }
  return options;
}

}  // namespace dynamirror::aws
