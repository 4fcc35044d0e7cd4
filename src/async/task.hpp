// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>

namespace dynamirror::async {

/// A coroutine on an event loop. Failures are returned as `Result<T>`; the one exception that passes through a task is
/// cancellation (`boost::system::system_error` with `operation_aborted`), which nobody but `TaskGroup` may catch.
template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace dynamirror::async
