// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "aws/environment.hpp"
#include "base/error.hpp"

namespace dynamirror::app {

/// Which part of a table one process takes.
struct WorkShare {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
};

/// `--segment` and `--segments` when given (`segments` above 0); otherwise what a batch system says of this process:
/// JOB_COMPLETION_INDEX with JOB_COMPLETIONS (an indexed Kubernetes job whose manifest passes its completions on), or
/// AWS_BATCH_JOB_ARRAY_INDEX with AWS_BATCH_JOB_ARRAY_SIZE; otherwise the whole table.
/// Errors: class invalid for an index that is no number, without a count, or not below it.
[[nodiscard]] Result<WorkShare> work_share(std::uint32_t segment, std::uint32_t segments,
                                           const aws::Environment& environment);

}  // namespace dynamirror::app
