// SPDX-License-Identifier: Apache-2.0
#include "support/condition.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <set>

#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

std::unexpected<ServiceError> malformed(const std::string& text) {
  return client_bug("ValidationException", "Invalid ConditionExpression: Syntax error; near: \"" + text + "\"");
}

using Names = std::map<std::string, std::string>;

Expected<Names> read_names(const json::object& body) {
  Names names;
  if (!body.contains("ExpressionAttributeNames")) return names;
  const auto object = required_object(body, "ExpressionAttributeNames");
  if (!object) return std::unexpected(object.error());
  for (const auto& each : **object) {
    const std::string placeholder(each.key().data(), each.key().size());
    if (!placeholder.starts_with('#') || placeholder.size() < 2 || !each.value().is_string()) {
      return client_bug("ValidationException", "ExpressionAttributeNames contains invalid key: " + placeholder);
    }
    names[placeholder] = each.value().get_string().c_str();
  }
  return names;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

/// "attribute_exists(#k)" -> "#k"; nothing when the function is another.
std::optional<std::string> argument_of(const std::string& term, std::string_view function) {
  if (!term.starts_with(std::string(function) + "(") || !term.ends_with(')')) return std::nullopt;
  return term.substr(function.size() + 1, term.size() - function.size() - 2);
}

}  // namespace

Expected<Condition> Condition::read(const json::object& body) {
  Condition condition;
  const auto names = read_names(body);
  if (!names) return std::unexpected(names.error());
  const auto expression = optional_string(body, "ConditionExpression");
  if (!expression) return std::unexpected(expression.error());
  if (!*expression) {
    if (names->empty()) return condition;
    return client_bug("ValidationException", "ExpressionAttributeNames can only be specified when using expressions");
  }

  std::set<std::string> used;
  std::string rest = **expression;
  for (bool more = true; more;) {
    const std::size_t end = rest.find(" AND ");
    const std::string term = without_spaces(rest.substr(0, end));
    more = end != std::string::npos;
    if (more) rest.erase(0, end + 5);
    const auto exists = argument_of(term, "attribute_exists");
    const auto absent = argument_of(term, "attribute_not_exists");
    if (!exists && !absent) return malformed(term);
    std::string path = exists ? *exists : *absent;
    if (path.empty() || path.find_first_of(".[()") != std::string::npos) return malformed(term);
    if (path.starts_with('#')) {
      const auto name = names->find(path);
      if (name == names->end()) {
        return client_bug("ValidationException",
                          "An expression attribute name used in the document path is not defined; "
                          "attribute name: " +
                              path);
      }
      used.insert(path);
      path = name->second;
    }
    condition.terms_.push_back({std::move(path), exists.has_value()});
  }
  if (used.size() != names->size()) {
    return client_bug("ValidationException", "Value provided in ExpressionAttributeNames unused in expressions");
  }
  return condition;
}

bool Condition::holds(const ItemPointer& item) const {
  if (terms_.empty()) return true;
  const auto attributes = item ? parse_object(item->text) : json::object{};
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (attributes && attributes->contains(term.attribute)) == term.must_exist;
  });
}

}  // namespace dynamirror::support
