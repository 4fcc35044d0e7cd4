// SPDX-License-Identifier: Apache-2.0
#include "support/service_members.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace dynamirror::support {

namespace json = boost::json;

namespace {

const json::value* member(const json::object& object, std::string_view name) {
  return object.if_contains(json::string_view(name.data(), name.size()));
}

std::unexpected<ServiceError> missing(std::string_view name) {
  return client_bug("ValidationException", "1 validation error detected: Value null at '" + std::string(name) +
                                               "' failed to satisfy constraint: Member must not be null");
}

std::unexpected<ServiceError> wrong_type(std::string_view name) {
  return unreadable("Unexpected value type in payload at " + std::string(name));
}

}  // namespace

Expected<void> only_members(const json::object& object, std::initializer_list<std::string_view> known) {
  for (const auto& each : object) {
    const std::string_view name(each.key().data(), each.key().size());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return unreadable("stand-in: unknown member " + std::string(name));
    }
  }
  return {};
}

Expected<std::optional<std::string>> optional_string(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return wrong_type(name);
  return std::string(value->get_string().data(), value->get_string().size());
}

Expected<std::string> required_string(const json::object& object, std::string_view name) {
  const auto text = optional_string(object, name);
  if (!text) return std::unexpected(text.error());
  if (!*text) return missing(name);
  return **text;
}

Expected<std::optional<bool>> optional_bool(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) return wrong_type(name);
  return value->get_bool();
}

Expected<std::optional<std::int64_t>> optional_integer(const json::object& object, std::string_view name,
                                                       std::int64_t least, std::int64_t most) {
  const json::value* value = member(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64()) return wrong_type(name);
  if (value->get_int64() < least || value->get_int64() > most) {
    return client_bug("ValidationException", "1 validation error detected: Value '" +
                                                 std::to_string(value->get_int64()) + "' at '" + std::string(name) +
                                                 "' failed to satisfy constraint: between " + std::to_string(least) +
                                                 " and " + std::to_string(most));
  }
  return value->get_int64();
}

Expected<const json::object*> required_object(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr) return missing(name);
  if (!value->is_object()) return wrong_type(name);
  return &value->get_object();
}

std::string text_of(const json::object& object) {
  const auto text = json::serialize(object);
  return {text.data(), text.size()};
}

json::array key_schema_json(const model::KeySchema& schema) {
  json::array keys{json::object{{"AttributeName", schema.hash.name}, {"KeyType", "HASH"}}};
  if (schema.range) keys.push_back(json::object{{"AttributeName", schema.range->name}, {"KeyType", "RANGE"}});
  return keys;
}

Expected<bool> wants_capacity(const json::object& body) {
  const auto wish = optional_string(body, "ReturnConsumedCapacity");
  if (!wish) return std::unexpected(wish.error());
  if (!*wish || **wish == "NONE") return false;
  if (**wish == "TOTAL" || **wish == "INDEXES") return true;
  return client_bug("ValidationException", "ReturnConsumedCapacity must be one of INDEXES, TOTAL, NONE");
}

}  // namespace dynamirror::support
