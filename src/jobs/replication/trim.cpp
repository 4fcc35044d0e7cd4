// SPDX-License-Identifier: Apache-2.0
#include "jobs/replication/trim.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/text.hpp"

namespace dynamirror::jobs {

Error replaced_stream(const StreamArn& old, const StreamArn& now) {
  return Error{.error_class = ErrorClass::kNotFound,
               .doing = "continue stream",
               .resource = old.str(),
               .code = {},
               .message = "the table now has another stream, " + now.str() +
                          "; changes made between the two were never recorded. Compare both tables, or go on from the "
                          "new stream's oldest record with --on-trim continue"};
}

Error away_too_long(const StreamArn& stream, std::chrono::hours retention, WallTime read_until, WallTime now) {
  const auto away = std::chrono::duration_cast<std::chrono::milliseconds>(now - read_until);
  return Error{.error_class = ErrorClass::kNotFound,
               .doing = "continue stream",
               .resource = stream.str(),
               .code = {},
               .message = fmt::format("it was read until {}, {} ago, and keeps its records for {} hours: changes made "
                                      "between then and {} may be gone. Bring the tables in step (copy or compare and "
                                      "repair), then start with --on-trim continue to go on from the oldest change "
                                      "there is",
                                      format_time(read_until), format_duration(away), retention.count(),
                                      format_time(now - retention))};
}

Error stream_turned_off(const StreamArn& stream) {
  return Error{.error_class = ErrorClass::kNotFound,
               .doing = "read stream",
               .resource = stream.str(),
               .code = {},
               .message =
                   "the stream was turned off; everything it held has been applied. Turn the table's stream on "
                   "again and start with --on-trim continue"};
}

}  // namespace dynamirror::jobs
