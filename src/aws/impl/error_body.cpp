// SPDX-License-Identifier: Apache-2.0
#include "aws/impl/error_body.hpp"

#include <utility>

#include "aws/impl/xml.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {
namespace {

/// Errors are small; a larger body is somebody else's page.
constexpr std::size_t kMaxErrorBodyBytes = 256u << 10;

/// A member that is no string is left alone: the rest of the body may still tell the code.
Status read_text(json::Value& member, std::string& out) {
  if (member.consume_null()) return {};
  const auto raw = member.raw();
  if (!raw) return std::unexpected(raw.error());
  if (!raw->starts_with('"')) return {};
  json::Reader nested;
  return nested.read_copy(*raw, [&](json::Value& root) -> Status {
    const auto text = root.string();
    if (text) out = std::string(*text);
    return {};
  });
}

}  // namespace

std::optional<ErrorBody> read_json_error(std::string_view body) {
  if (body.size() > kMaxErrorBodyBytes) return std::nullopt;
  ErrorBody parsed;
  json::Reader reader;
  const Status read = reader.read_copy(body, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == "__type" || (name == "code" && parsed.code.empty())) return read_text(member, parsed.code);
      if (name == "message" || name == "Message") return read_text(member, parsed.message);
      return {};
    });
  });
  if (!read) return std::nullopt;
  return parsed;
}

std::optional<ErrorBody> read_xml_error(std::string_view body) {
  if (body.size() > kMaxErrorBodyBytes) return std::nullopt;
  const auto document = XmlDocument::parse(body);
  if (!document) return std::nullopt;
  // The Query protocol wraps the error and puts the request id beside it; S3 has everything in one element.
  for (const auto& [error, request_id] :
       {std::pair{"ErrorResponse/Error", "ErrorResponse/RequestId"}, std::pair{"Error", "Error/RequestId"}}) {
    const auto code = document->text(std::string(error) + "/Code");
    if (!code) continue;
    return ErrorBody{.code = *code,
                     .message = document->text(std::string(error) + "/Message").value_or(""),
                     .request_id = document->text(request_id).value_or("")};
  }
  return std::nullopt;
}

}  // namespace dynamirror::aws
