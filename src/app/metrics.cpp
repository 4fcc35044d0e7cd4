// SPDX-License-Identifier: Apache-2.0
#include "app/metrics.hpp"

#include <utility>

#include "aws/credentials/profile_environment.hpp"
#include "aws/endpoints/endpoint.hpp"
#include "base/log.hpp"

namespace dynamirror::app {
namespace {

async::Task<Status> publish(Session& session, MetricTarget target, std::vector<aws::MetricDatum> data) {
  const aws::Environment& environment = aws::process_environment();
  const auto settings = aws::ProfileEnvironment::of(environment, target.side.profile);
  if (!settings) co_return std::unexpected(settings.error());
  const auto options = aws::endpoint_options(aws::Service::kCloudWatch, *settings);
  if (!options) co_return std::unexpected(options.error());
  auto endpoint = aws::resolve_endpoint(aws::Service::kCloudWatch, Region(target.region), *options);
  if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
  if (target.side.region.empty()) target.side.region = target.region;
  auto credentials =
      aws::make_credentials(target.side, environment, session.transport(), system_clock(), session.random());
  if (!credentials) co_return std::unexpected(std::move(credentials.error()));
  aws::ApiClient api({.endpoint = *endpoint,
                      .region = Region(target.region),
                      .service = std::string(aws::signing_name(aws::Service::kCloudWatch)),
                      .target_prefix = aws::kCloudWatchTargetPrefix,
                      .retry = {.max_attempts = 3, .give_up_after = std::chrono::seconds(10)}},
                     session.transport(), **credentials, system_clock(), session.random());
  co_return co_await aws::put_metric_data(api, std::move(target.name_space), std::move(data));
}

}  // namespace

async::Task<> publish_metrics(Session& session, MetricTarget target, std::vector<aws::MetricDatum> data) {
  for (aws::MetricDatum& datum : data) {
    datum.dimensions = {{"TableName", target.table}};
    datum.at = system_clock().wall_now();
  }
  const auto published = co_await publish(session, std::move(target), std::move(data));
  if (!published) log::warning("metrics could not be sent", {{"error", to_line(published.error())}});
}

}  // namespace dynamirror::app
