// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "lambda/function.hpp"
#include "lambda/runtime.hpp"

namespace dynamirror::lambda {

/// Who is told what besides the answer.
struct ServeParts {
  RuntimeInterface& runtime;
  Function& function;
  const Clock& clock;
  std::string& request_id;                             ///< set to that of the invocation at hand
  std::function<void()> thawed;                        ///< the process has stood still for seconds, or longer
  std::function<void(const std::string&)> print_line;  ///< a line of metrics
  std::string function_name;
};

/// Answers events until the runtime interface fails; nothing runs while it waits for one. Errors: why it has failed.
[[nodiscard]] async::Task<Status> serve(ServeParts parts);

/// What one invocation has come to, as one line in CloudWatch's embedded metric format. `space`: of the metrics.
struct InvocationMetrics {
  std::string space;
  std::string function_name;
  std::string request_id;
  WallTime at{};
  std::chrono::milliseconds duration{};
  Function::Applied applied{};
};
/// Source: "Specification: Embedded metric format" in the CloudWatch user guide.
[[nodiscard]] std::string to_metrics_line(const InvocationMetrics& metrics);

/// `{"batchItemFailures":[…]}`
[[nodiscard]] std::string to_answer(const BatchResult& batch);

}  // namespace dynamirror::lambda
