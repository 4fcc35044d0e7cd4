// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials/impl/credentials_json.hpp"

#include <optional>
#include <utility>

#include "base/iso_time.hpp"
#include "json/reader.hpp"

namespace dynamirror::aws {
namespace {

struct Fields {
  std::string access_key_id;
  std::string secret_access_key;
  std::string token;
  std::string expiration;
  std::string code;
  std::optional<std::int64_t> version;

  std::string* text_field(std::string_view name) {
    if (name == "AccessKeyId") return &access_key_id;
    if (name == "SecretAccessKey") return &secret_access_key;
    if (name == "Token" || name == "SessionToken") return &token;
    if (name == "Expiration") return &expiration;
    if (name == "Code") return &code;
    return nullptr;
  }
};

Status read_field(std::string_view name, json::Value& member, Fields& fields) {
  std::string* const field = fields.text_field(name);
  if ((field == nullptr && name != "Version") || member.consume_null()) return {};
  if (field == nullptr) {
    const auto version = member.integer();
    if (!version) return std::unexpected(version.error());
    fields.version = *version;
    return {};
  }
  const auto text = member.string();
  if (!text) return std::unexpected(text.error());
  *field = std::string(*text);
  return {};
}

}  // namespace

Result<Credentials> parse_credentials_json(std::string_view text, const std::string& doing,
                                           const std::string& resource) {
  Fields fields;
  json::Reader reader;
  const Status read = reader.read_copy(text, [&](json::Value& root) {
    return root.for_each_member(
        [&](std::string_view name, json::Value& member) { return read_field(name, member, fields); });
  });
  const auto wrong = [&](ErrorClass error_class, std::string what) {
    return failure(error_class, doing, resource, std::move(what));
  };
  // The parser's own message could quote the text.
  if (!read) return wrong(ErrorClass::kInvalid, "the answer is not the JSON of credentials");
  if (!fields.code.empty() && fields.code != "Success") {
    return wrong(ErrorClass::kDenied, "no credentials given: " + fields.code.substr(0, 100));
  }
  if (fields.version && *fields.version != 1) {
    return wrong(ErrorClass::kInvalid,
                 "Version " + std::to_string(*fields.version) + " of the answer is unknown; 1 is");
  }
  if (fields.access_key_id.empty() || fields.secret_access_key.empty()) {
    return wrong(ErrorClass::kInvalid, "AccessKeyId or SecretAccessKey is missing in the answer");
  }
  Credentials credentials{.access_key_id = std::move(fields.access_key_id),
                          .secret_access_key = Secret(std::move(fields.secret_access_key)),
                          .session_token = Secret(std::move(fields.token))};
  if (!fields.expiration.empty()) {
    credentials.expires = parse_iso_time(fields.expiration);
    if (!credentials.expires)
      return wrong(ErrorClass::kInvalid, "Expiration in the answer is not an ISO 8601 time with its offset from UTC");
  }
  return credentials;
}

}  // namespace dynamirror::aws
