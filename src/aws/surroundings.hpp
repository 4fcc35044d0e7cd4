// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "aws/environment.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/transport.hpp"

namespace dynamirror::aws {

/// What everything in a process that speaks to a service shares; it outlives its users.
struct Surroundings {
  http::Transport& transport;
  const Environment& environment;
  const Clock& clock;
  Random& random;
};

}  // namespace dynamirror::aws
