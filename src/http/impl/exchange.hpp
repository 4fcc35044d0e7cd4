// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/error_code.hpp>
#include <string>

#include "async/task.hpp"
#include "base/error.hpp"
#include "http/impl/connection_pool.hpp"
#include "http/impl/deadline_watch.hpp"

namespace dynamirror::http::impl {

/// Why an exchange ended without an answer, in the words of Transport ("Timeout", "Closed", "Protocol", "TooLarge").
struct ExchangeFailure {
  ErrorClass error_class = ErrorClass::kTransient;
  std::string code;
  std::string message;
  /// The connection was gone before a byte of the answer came: the sign of a kept-alive connection the server had
  /// closed.
  bool closed_before_answer = false;
};

/// Sends `connection.head` and `body`, and reads one answer into `connection.reader`, which was start()ed. `guard`
/// watches over the stream; the clock itself is looked at before anything is sent (`not_after`), because a process that
/// was stopped may come here long after. Throws operation_aborted when cancelled.
[[nodiscard]] async::Task<std::expected<void, ExchangeFailure>> exchange(Connection& connection, std::string_view body,
                                                                         const DeadlineWatch::Guard& guard,
                                                                         SteadyTime not_after);

/// Passes a cancellation on: operation_aborted that is not the doing of our own deadline.
void throw_if_cancelled(const boost::system::error_code& error, const DeadlineWatch::Guard& guard);

}  // namespace dynamirror::http::impl
