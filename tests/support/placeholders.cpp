// SPDX-License-Identifier: Apache-2.0
#include "support/placeholders.hpp"

#include <boost/json/value.hpp>
#include <string_view>

#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

/// Names or values by their placeholders, which begin with `mark`.
Expected<json::object> read_map(const json::object& body, std::string_view member, char mark) {
  if (!body.contains(member)) return json::object{};
  const auto object = required_object(body, member);
  if (!object) return std::unexpected(object.error());
  if ((*object)->empty()) return client_bug("ValidationException", std::string(member) + " must not be empty");
  for (const auto& each : **object) {
    const std::string placeholder(each.key().data(), each.key().size());
    if (placeholder.size() < 2 || !placeholder.starts_with(mark)) {
      return client_bug("ValidationException", std::string(member) + " contains invalid key: " + placeholder);
    }
  }
  return **object;
}

}  // namespace

std::unexpected<ServiceError> malformed_expression(const std::string& text) {
  return client_bug("ValidationException", "Invalid expression: Syntax error; near: \"" + text + "\"");
}

Expected<Placeholders> Placeholders::read(const json::object& body) {
  Placeholders placeholders;
  auto names = read_map(body, "ExpressionAttributeNames", '#');
  if (!names) return std::unexpected(names.error());
  auto values = read_map(body, "ExpressionAttributeValues", ':');
  if (!values) return std::unexpected(values.error());
  placeholders.names_ = std::move(*names);
  placeholders.values_ = std::move(*values);
  return placeholders;
}

Expected<const json::value*> Placeholders::find(const json::object& among, const std::string& placeholder,
                                                const std::string& what) {
  const auto found = among.find(placeholder);
  if (found == among.end()) {
    return client_bug("ValidationException", "An expression attribute " + what +
                                                 " used in the expression is not defined; attribute " + what + ": " +
                                                 placeholder);
  }
  used_.insert(placeholder);
  return &found->value();
}

Expected<std::string> Placeholders::attribute(const std::string& path) {
  if (path.empty() || path.find_first_of(".[()=:, ") != std::string::npos) return malformed_expression(path);
  if (!path.starts_with('#')) return path;
  const auto name = find(names_, path, "name");
  if (!name) return std::unexpected(name.error());
  if (!(*name)->is_string()) return malformed_expression(path);
  return std::string((*name)->get_string().c_str());
}

Expected<const json::value*> Placeholders::value(const std::string& placeholder) {
  return find(values_, placeholder, "value");
}

Expected<void> Placeholders::check_all_used() const {
  if (used_.size() == names_.size() + values_.size()) return {};
  return client_bug("ValidationException", "A name or value provided is unused in expressions");
}

}  // namespace dynamirror::support
