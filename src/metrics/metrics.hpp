// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "async/task.hpp"
#include "aws/cloudwatch/client.hpp"
#include "aws/credentials/make_credentials.hpp"
#include "aws/surroundings.hpp"

namespace dynamirror::metrics {

/// Where the metrics of a job over one table go.
struct MetricTarget {
  std::string name_space;
  std::string region;
  std::string table;  ///< the value of the dimension TableName
  aws::SideOptions side{};
};

/// Whether metrics can be sent at all: asked before a job begins. Errors: class invalid for an endpoint that cannot be
/// used.
[[nodiscard]] Status check_metrics_endpoint(const aws::Environment& environment);

/// Sends values to CloudWatch, at this moment and for this table. A failure is a warning: metrics never fail a job.
[[nodiscard]] async::Task<> publish_metrics(aws::Surroundings surroundings, MetricTarget target,
                                            std::vector<aws::MetricDatum> data);

}  // namespace dynamirror::metrics
