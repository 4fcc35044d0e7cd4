// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "async/task.hpp"
#include "base/clock.hpp"

namespace dynamirror::async {

/// Suspends for at least `duration` (real time); a cancelled sleep throws.
[[nodiscard]] Task<> sleep_for(Duration duration);

}  // namespace dynamirror::async
