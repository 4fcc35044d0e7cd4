// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/session/session.hpp"

namespace dynamirror::app {

/// Asks at the terminal, and waits for a line without holding up signals. False for anything but yes.
[[nodiscard]] async::Task<bool> answered_yes(Session& session, std::string question);

}  // namespace dynamirror::app
