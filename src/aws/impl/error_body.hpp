// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dynamirror::aws {

/// What the body of an error answer says.
struct ErrorBody {
  std::string code;
  std::string message;
  std::string request_id;
};

/// Nothing when the body is no JSON object.
[[nodiscard]] std::optional<ErrorBody> read_json_error(std::string_view body);

/// Nothing when the body is no XML error of the Query protocol (<ErrorResponse><Error>…) or of S3 (<Error>…).
[[nodiscard]] std::optional<ErrorBody> read_xml_error(std::string_view body);

}  // namespace dynamirror::aws
