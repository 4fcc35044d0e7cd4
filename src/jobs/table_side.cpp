// SPDX-License-Identifier: Apache-2.0
#include "jobs/table_side.hpp"

#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"

namespace dynamirror::jobs {
namespace {

Result<http::Endpoint> find_endpoint(aws::Service service, const aws::TableAddress& address,
                                     const aws::Environment& environment) {
  auto options = aws::endpoint_options(service, environment, address.endpoint);
  if (!options) return std::unexpected(std::move(options.error()));
  return aws::resolve_endpoint(service, address.region, *options);
}

}  // namespace

Result<std::unique_ptr<TableSide>> TableSide::open(aws::TableAddress address, aws::SideOptions options,
                                                   Surroundings surroundings) {
  const auto settings = aws::ProfileEnvironment::of(surroundings.environment, options.profile);
  if (!settings) return std::unexpected(settings.error());
  auto dynamodb = find_endpoint(aws::Service::kDynamoDb, address, *settings);
  if (!dynamodb) return std::unexpected(std::move(dynamodb.error()));
  auto streams = find_endpoint(aws::Service::kDynamoDbStreams, address, *settings);
  if (!streams) return std::unexpected(std::move(streams.error()));
  // A region of our own making, such as "local", means nothing to STS.
  if (options.region.empty() && !address.endpoint) options.region = address.region.str();
  auto credentials = aws::make_credentials(options, surroundings.environment, surroundings.transport,
                                           surroundings.clock, surroundings.random);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  const auto api = [&](const http::Endpoint& endpoint, std::string target_prefix) {
    // Few attempts: whoever calls waits out longer trouble by itself, and knows what that means for its shard or key.
    return aws::ApiClient::Options{.endpoint = endpoint,
                                   .region = address.region,
                                   .target_prefix = std::move(target_prefix),
                                   .retry = {.max_attempts = 4, .give_up_after = std::chrono::seconds(20)}};
  };
  return std::unique_ptr<TableSide>(new TableSide(address, std::move(*credentials), api(*dynamodb, "DynamoDB_20120810"),
                                                  api(*streams, "DynamoDBStreams_20120810"), surroundings));
}

TableSide::TableSide(aws::TableAddress address, std::unique_ptr<aws::CredentialsProvider> credentials,
                     aws::ApiClient::Options dynamodb, aws::ApiClient::Options streams, Surroundings surroundings)
    : address_(std::move(address)),
      credentials_(std::move(credentials)),
      dynamodb_api_(std::move(dynamodb), surroundings.transport, *credentials_, surroundings.clock,
                    surroundings.random),
      streams_api_(std::move(streams), surroundings.transport, *credentials_, surroundings.clock, surroundings.random),
      dynamodb_(dynamodb_api_, surroundings.clock),
      streams_(streams_api_) {}

}  // namespace dynamirror::jobs
