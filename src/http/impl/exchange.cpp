// SPDX-License-Identifier: Apache-2.0
#include "http/impl/exchange.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace dynamirror::http::impl {
namespace {

using boost::system::error_code;
using Progress = MessageReader::Progress;

ExchangeFailure closed(const Connection& connection, const error_code& error) {
  const bool before_answer = !connection.reader.begun();
  std::string message =
      before_answer ? "connection closed before the answer" : "connection closed in the middle of the answer";
  if (error != boost::asio::error::eof) message += " (" + error.message() + ")";
  return {.code = "Closed", .message = std::move(message), .closed_before_answer = before_answer};
}

ExchangeFailure unreadable(const MessageReader& reader) {
  switch (reader.progress()) {
    case Progress::kHeadTooLarge:
      return {.error_class = ErrorClass::kInvalid, .code = "TooLarge", .message = "the answer's header is too large"};
    case Progress::kBodyTooLarge:
      return {.error_class = ErrorClass::kInvalid, .code = "TooLarge", .message = "the answer is above the size limit"};
    default:
      return {.code = "Protocol", .message = "not an HTTP/1.1 answer: " + reader.problem()};
  }
}

}  // namespace

void throw_if_cancelled(const error_code& error, const DeadlineWatch::Guard& guard) {
  if (error == boost::asio::error::operation_aborted && !guard.expired()) throw boost::system::system_error(error);
}

async::Task<std::expected<void, ExchangeFailure>> exchange(Connection& connection, std::string_view body,
                                                           const DeadlineWatch::Guard& guard, SteadyTime not_after) {
  if (not_after != kNoDeadline && system_clock().steady_now() >= not_after) {
    co_return std::unexpected(ExchangeFailure{.code = "Timeout", .message = "not sent in time"});
  }
  error_code write_error;
  const std::size_t sent = connection.stream.write_now(connection.head, body);
  if (sent < connection.head.size() + body.size()) {
    const std::string_view head = std::string_view(connection.head).substr(std::min(sent, connection.head.size()));
    body.remove_prefix(sent - (connection.head.size() - head.size()));
    co_await connection.stream.write(head, body, not_after, write_error);
    throw_if_cancelled(write_error, guard);
  }
  // A server may refuse a large request, and close, before it has read all of it: its answer still counts.
  MessageReader& reader = connection.reader;
  while (reader.progress() == Progress::kMore && !guard.expired()) {
    const auto room = reader.prepare();
    error_code error;
    const std::size_t size = co_await connection.stream.read_some(boost::asio::buffer(room.data(), room.size()), error);
    throw_if_cancelled(error, guard);
    if (guard.expired()) break;
    if (!error) {
      reader.commit(size);
    } else if (error == boost::asio::error::eof && reader.begun() && reader.head_complete()) {
      if (reader.commit_end() != Progress::kComplete) co_return std::unexpected(closed(connection, error));
    } else {
      co_return std::unexpected(closed(connection, write_error ? write_error : error));
    }
  }
  if (reader.progress() == Progress::kComplete) co_return std::expected<void, ExchangeFailure>{};
  if (guard.expired()) co_return std::unexpected(ExchangeFailure{.code = "Timeout", .message = "no answer in time"});
  co_return std::unexpected(unreadable(reader));
}

}  // namespace dynamirror::http::impl
