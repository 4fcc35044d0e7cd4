// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dynamirror {

std::string_view to_string(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kThrottled:
      return "throttled";
    case ErrorClass::kTransient:
      return "transient";
    case ErrorClass::kExpiredCredentials:
      return "expired credentials";
    case ErrorClass::kDenied:
      return "denied";
    case ErrorClass::kNotFound:
      return "not found";
    case ErrorClass::kConflict:
      return "conflict";
    case ErrorClass::kInvalid:
      return "invalid";
    case ErrorClass::kFatal:
      return "fatal";
  }
  return "fatal";
}

std::string to_line(const Error& error) {
  std::string line = error.doing;
  if (!error.resource.empty()) line += (line.empty() ? "" : " ") + error.resource;
  if (!line.empty()) line += ": ";
  if (!error.code.empty()) line += error.code + (error.message.empty() ? "" : ": ");
  line += error.message;
  if (error.http_status != 0 && !error.request_id.empty()) {
    line += fmt::format(" (HTTP {}, request {})", error.http_status, error.request_id);
  } else if (error.http_status != 0) {
    line += fmt::format(" (HTTP {})", error.http_status);
  }
  // A service's message may span lines; one failure stays one line so that it can be grepped.
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

}  // namespace dynamirror
