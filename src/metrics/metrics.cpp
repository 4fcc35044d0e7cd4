// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"
#include "base/log.hpp"

namespace dynamirror::metrics {
namespace {

async::Task<Status> publish(aws::Surroundings surroundings, MetricTarget target, std::vector<aws::MetricDatum> data) {
  const auto& [transport, environment, clock, random] = surroundings;
  const auto settings = aws::ProfileEnvironment::of(environment, target.side.profile);
  if (!settings) co_return std::unexpected(settings.error());
  const auto options = aws::endpoint_options(aws::Service::kCloudWatch, *settings);
  if (!options) co_return std::unexpected(options.error());
  auto endpoint = aws::resolve_endpoint(aws::Service::kCloudWatch, Region(target.region), *options);
  if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
  if (target.side.region.empty()) target.side.region = target.region;
  auto credentials = aws::make_credentials(target.side, environment, transport, clock, random);
  if (!credentials) co_return std::unexpected(std::move(credentials.error()));
  aws::ApiClient api({.endpoint = *endpoint,
                      .region = Region(target.region),
                      .service = std::string(aws::signing_name(aws::Service::kCloudWatch)),
                      .target_prefix = aws::kCloudWatchTargetPrefix,
                      .retry = {.max_attempts = 3, .give_up_after = std::chrono::seconds(10)}},
                     transport, **credentials, clock, random);
  co_return co_await aws::put_metric_data(api, std::move(target.name_space), std::move(data));
}

}  // namespace

Status check_metrics_endpoint(const aws::Environment& environment) {
  const auto options = aws::endpoint_options(aws::Service::kCloudWatch, environment);
  if (!options) return std::unexpected(options.error());
  return {};
}

async::Task<> publish_metrics(aws::Surroundings surroundings, MetricTarget target, std::vector<aws::MetricDatum> data) {
  for (aws::MetricDatum& datum : data) {
    datum.dimensions = {{"TableName", target.table}};
    datum.time = surroundings.clock.wall_now();
  }
  const auto published = co_await publish(surroundings, std::move(target), std::move(data));
  if (!published) log::warning("metrics could not be sent", {{"error", to_line(published.error())}});
}

}  // namespace dynamirror::metrics
