// SPDX-License-Identifier: Apache-2.0
#include "aws/cloudwatch/client.hpp"

#include <fmt/format.h>

#include <cassert>

#include "json/writer.hpp"

namespace dynamirror::aws {

std::string metrics_body(const std::string& name_space, const std::vector<MetricDatum>& data) {
  std::string body;
  json::Writer json(body);
  json.begin_object().name("Namespace").string(name_space).name("MetricData").begin_array();
  for (const MetricDatum& datum : data) {
    json.begin_object().name("MetricName").string(datum.name);
    if (!datum.dimensions.empty()) {
      json.name("Dimensions").begin_array();
      for (const auto& [name, value] : datum.dimensions) {
        json.begin_object().name("Name").string(name).name("Value").string(value).end_object();
      }
      json.end_array();
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(datum.time.time_since_epoch());
    json.name("Timestamp").integer(seconds.count());
    json.name("Value").raw(fmt::format("{}", datum.value)).name("Unit").string(datum.unit).end_object();
  }
  json.end_array().end_object();
  return body;
}

async::Task<Status> put_metric_data(ApiClient& api, std::string name_space, std::vector<MetricDatum> data,
                                    SteadyTime not_after) {
  constexpr std::size_t kMost = 1'000;
  assert(!data.empty() && data.size() <= kMost);
  // Sent twice, a value counts twice.
  ApiClient::Call call{.operation = "PutMetricData",
                       .resource = name_space,
                       .body = metrics_body(name_space, data),
                       .idempotent = false,
                       .not_after = not_after};
  const auto answer = co_await api.call(std::move(call));
  if (!answer) co_return std::unexpected(answer.error());
  co_return Status{};
}

}  // namespace dynamirror::aws
