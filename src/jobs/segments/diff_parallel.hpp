// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "async/task.hpp"
#include "async/task_group.hpp"
#include "base/error.hpp"

namespace dynamirror::jobs {

/// Runs `each(0)` to `each(count - 1)`, at most `width` of them at once. After a failure no more are started, and the
/// first failure is the result once those under way have ended. `each` is no coroutine itself: it returns one.
/// REQUIRES: width > 0.
[[nodiscard]] async::Task<Status> for_each_in_parallel(std::size_t count, std::size_t width,
                                                       std::function<async::Task<Status>(std::size_t)> each);

/// Waits for the end of a group's tasks. When it is cancelled itself, it cancels them, waits for their end all the
/// same, and passes the cancellation on: so that what they refer to outlives them.
[[nodiscard]] async::Task<> join_or_cancel(async::TaskGroup& group);

}  // namespace dynamirror::jobs
