// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "async/task.hpp"
#include "aws/api_client.hpp"
#include "base/clock.hpp"

namespace dynamirror::aws {

/// One value at one moment. `unit` is a name of CloudWatch's: "Count", "Bytes", "Milliseconds", "None" …
struct MetricDatum {
  std::string name;
  double value = 0;
  std::string unit = "Count";
  std::vector<std::pair<std::string, std::string>> dimensions{};  ///< name and value
  WallTime time{};
};

/// The body of a PutMetricData request in the service's JSON protocol.
[[nodiscard]] std::string metrics_body(const std::string& name_space, const std::vector<MetricDatum>& data);

/// Sends up to 1,000 values (the service's limit for one request); neither sent nor waited for after
/// `not_after`. Errors: those of ApiClient.
/// REQUIRES: `api` is made for service "monitoring" with target prefix `kCloudWatchTargetPrefix`; 1 to 1,000 values.
[[nodiscard]] async::Task<Status> put_metric_data(ApiClient& api, std::string name_space, std::vector<MetricDatum> data,
                                                  SteadyTime not_after = kNoDeadline);

inline constexpr const char* kCloudWatchTargetPrefix = "GraniteServiceVersion20100801";

}  // namespace dynamirror::aws
