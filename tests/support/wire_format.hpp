// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "support/wire_server.hpp"

namespace dynamirror::support {

// HTTP/1.1 heads as text, without any I/O. Thread-safe.

struct ParsedHead {
  WireRequest request;  ///< body still empty
  std::size_t content_length = 0;
  int status = 0;  ///< not 0: refuse with it, because of `problem`
  std::string problem;
};

/// REQUIRES: `head` ends with an empty line.
[[nodiscard]] ParsedHead parse_request_head(std::string_view head);

/// Status line and headers with Date and Content-Length, up to and including the empty line.
[[nodiscard]] std::string format_reply_head(const WireReply& reply);

/// "Fri, 20 Nov 2026 12:00:00 GMT".
[[nodiscard]] std::string http_date(WallTime time);

/// "name: value" lines into headers (names lower-cased, values trimmed). False when a line is malformed.
[[nodiscard]] bool parse_header_lines(std::string_view lines, WireHeaders& headers);

}  // namespace dynamirror::support
