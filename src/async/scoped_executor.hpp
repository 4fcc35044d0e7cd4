// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "base/log_scope.hpp"

namespace dynamirror::async {

/// An executor that does what the given one does, and in whose turns every log line says whose it is (log::Scope). A
/// task that is spawned on it stays in the scope over all that it waits for, and whatever it starts on its own executor
/// is in it, too: so many jobs on one event loop are told apart, and none hands a logger down. Without a name the
/// executor itself.
[[nodiscard]] boost::asio::any_io_executor scoped(boost::asio::any_io_executor executor, log::ScopeName name);

}  // namespace dynamirror::async
