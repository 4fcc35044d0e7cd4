// SPDX-License-Identifier: Apache-2.0
#include "source/kinesis_side.hpp"

#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"

namespace dynamirror::source {
namespace {

Result<http::Endpoint> find_endpoint(const aws::StreamAddress& address, const aws::Environment& environment) {
  auto options = aws::endpoint_options(aws::Service::kKinesis, environment, address.endpoint);
  if (!options && address.endpoint) options.error().resource = address.display();
  if (!options) return std::unexpected(std::move(options.error()));
  return aws::resolve_endpoint(aws::Service::kKinesis, address.region, *options);
}

aws::KinesisStreamName name_of(const aws::StreamAddress& address) {
  return {.name = address.name, .arn = StreamArn(address.arn()), .display = address.display()};
}

}  // namespace

Result<std::unique_ptr<KinesisSide>> KinesisSide::open(aws::StreamAddress address, aws::SideOptions options,
                                                       aws::Surroundings surroundings) {
  const auto settings = aws::ProfileEnvironment::of(surroundings.environment, options.profile);
  if (!settings) return std::unexpected(settings.error());
  auto endpoint = find_endpoint(address, *settings);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  // A region of our own making, such as "local", means nothing to STS.
  if (options.region.empty() && address.region.str() != "local") options.region = address.region.str();
  auto credentials = aws::make_credentials(options, surroundings.environment, surroundings.transport,
                                           surroundings.clock, surroundings.random);
  if (!credentials) return std::unexpected(std::move(credentials.error()));
  // Few attempts: readers of shards wait out longer trouble by themselves.
  aws::ApiClient::Options api{.endpoint = std::move(*endpoint),
                              .region = address.region,
                              .service = std::string(aws::signing_name(aws::Service::kKinesis)),
                              .target_prefix = aws::KinesisClient::kTargetPrefix,
                              .json_version = aws::KinesisClient::kJsonVersion,
                              .retry = {.max_attempts = 4, .give_up_after = std::chrono::seconds(20)}};
  return std::unique_ptr<KinesisSide>(
      new KinesisSide(std::move(address), std::move(*credentials), std::move(api), surroundings));
}

KinesisSide::KinesisSide(aws::StreamAddress address, std::unique_ptr<aws::CredentialsProvider> credentials,
                         aws::ApiClient::Options api, aws::Surroundings surroundings)
    : address_(std::move(address)),
      credentials_(std::move(credentials)),
      api_(std::move(api), surroundings.transport, *credentials_, surroundings.clock, surroundings.random),
      client_(api_, name_of(address_)) {}

}  // namespace dynamirror::source
