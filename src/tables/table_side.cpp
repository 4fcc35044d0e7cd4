// SPDX-License-Identifier: Apache-2.0
#include "tables/table_side.hpp"

#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"

namespace dynamirror::jobs {
namespace {

Result<http::Endpoint> find_endpoint(const aws::TableAddress& address, const aws::Environment& environment) {
  auto options = aws::endpoint_options(aws::Service::kDynamoDb, environment, address.endpoint);
  if (!options && address.endpoint) options.error().resource = address.display();
  if (!options) return std::unexpected(std::move(options.error()));
  return aws::resolve_endpoint(aws::Service::kDynamoDb, address.region, *options);
}

Result<http::Endpoint> find_streams_endpoint(const aws::TableAddress& address, const std::string& named,
                                             const aws::Environment& environment) {
  std::optional<http::Endpoint> by_option;
  if (!named.empty()) {
    auto endpoint = http::parse_endpoint(named);
    if (!endpoint) {
      return failure(ErrorClass::kInvalid, "read the streams endpoint of", address.display(),
                     std::move(endpoint.error().message));
    }
    by_option = std::move(*endpoint);
  }
  std::optional<http::Endpoint> beside;
  if (address.endpoint) beside = aws::streams_beside(*address.endpoint);
  const auto options = aws::endpoint_options(aws::Service::kDynamoDbStreams, environment, by_option, beside);
  if (!options) return std::unexpected(options.error());
  return aws::resolve_endpoint(aws::Service::kDynamoDbStreams, address.region, *options);
}

}  // namespace

Result<std::unique_ptr<TableSide>> TableSide::open(aws::TableAddress address, aws::SideOptions options,
                                                   aws::Surroundings surroundings) {
  const auto settings = aws::ProfileEnvironment::of(surroundings.environment, options.profile);
  if (!settings) return std::unexpected(settings.error());
  auto dynamodb = find_endpoint(address, *settings);
  if (!dynamodb) return std::unexpected(std::move(dynamodb.error()));
  auto streams = find_streams_endpoint(address, options.streams_endpoint, *settings);
  if (!streams) return std::unexpected(std::move(streams.error()));
  // A region of our own making, such as "local", means nothing to STS.
  if (options.region.empty() && address.region.str() != "local") options.region = address.region.str();
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
                     aws::ApiClient::Options dynamodb, aws::ApiClient::Options streams, aws::Surroundings surroundings)
    : address_(std::move(address)),
      credentials_(std::move(credentials)),
      dynamodb_api_(std::move(dynamodb), surroundings.transport, *credentials_, surroundings.clock,
                    surroundings.random),
      streams_api_(std::move(streams), surroundings.transport, *credentials_, surroundings.clock, surroundings.random),
      dynamodb_(dynamodb_api_, surroundings.clock, address_.owner()),
      streams_(streams_api_) {}

}  // namespace dynamirror::jobs
