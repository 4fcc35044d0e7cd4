// SPDX-License-Identifier: Apache-2.0
#include "support/condition.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <optional>
#include <set>

#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

std::unexpected<ServiceError> malformed(const std::string& text) {
  return client_bug("ValidationException", "Invalid ConditionExpression: Syntax error; near: \"" + text + "\"");
}

constexpr std::size_t kMaxExpressionBytes = 4096;
constexpr std::size_t kMaxOperators = 300;

/// Names or values by their placeholders, which begin with `mark`.
Expected<json::object> read_placeholders(const json::object& body, std::string_view member, char mark) {
  if (!body.contains(member)) return json::object{};
  const auto object = required_object(body, member);
  if (!object) return std::unexpected(object.error());
  for (const auto& each : **object) {
    const std::string placeholder(each.key().data(), each.key().size());
    if (placeholder.size() < 2 || !placeholder.starts_with(mark)) {
      return client_bug("ValidationException", std::string(member) + " contains invalid key: " + placeholder);
    }
  }
  return **object;
}

/// The one spelling of an attribute value.
Expected<std::string> canonical(const json::value& value) {
  auto stored = read_attributes({{"v", value}});
  if (!stored) return std::unexpected(stored.error());
  return std::move(stored->text);
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

/// What the expression may refer to, and what it has referred to.
struct Condition::Placeholders {
  json::object names;
  json::object values;
  std::set<std::string> used{};

  Expected<const json::value*> find(const json::object& among, const std::string& placeholder, std::string_view what) {
    const auto found = among.find(placeholder);
    if (found == among.end()) {
      return client_bug("ValidationException", "An expression attribute " + std::string(what) +
                                                   " used in the expression is not defined: " + placeholder);
    }
    used.insert(placeholder);
    return &found->value();
  }

  Expected<std::string> path(std::string text) {
    if (text.empty() || text.find_first_of(".[()=") != std::string::npos) return malformed(text);
    if (!text.starts_with('#')) return text;
    const auto name = find(names, text, "name");
    if (!name) return std::unexpected(name.error());
    if (!(*name)->is_string()) return malformed(text);
    return std::string((*name)->get_string().c_str());
  }
};

Expected<Condition::Term> Condition::read_term(const std::string& text, Placeholders& placeholders) {
  Term term{Term::Kind::kEquals, {}};
  std::string path;
  if (const auto exists = argument_of(text, "attribute_exists")) {
    term.kind = Term::Kind::kExists;
    path = *exists;
  } else if (const auto absent = argument_of(text, "attribute_not_exists")) {
    term.kind = Term::Kind::kAbsent;
    path = *absent;
  } else {
    const auto equals = text.find("=:");
    if (equals == std::string::npos) return malformed(text);
    path = text.substr(0, equals);
    const auto value = placeholders.find(placeholders.values, text.substr(equals + 1), "value");
    if (!value) return std::unexpected(value.error());
    auto wanted = canonical(**value);
    if (!wanted) return std::unexpected(wanted.error());
    term.value = std::move(*wanted);
  }
  auto attribute = placeholders.path(path);
  if (!attribute) return std::unexpected(attribute.error());
  term.attribute = std::move(*attribute);
  return term;
}

Expected<Condition> Condition::read(const json::object& body) {
  Condition condition;
  const auto names = read_placeholders(body, "ExpressionAttributeNames", '#');
  if (!names) return std::unexpected(names.error());
  const auto values = read_placeholders(body, "ExpressionAttributeValues", ':');
  if (!values) return std::unexpected(values.error());
  const auto expression = optional_string(body, "ConditionExpression");
  if (!expression) return std::unexpected(expression.error());
  if (!*expression) {
    if (names->empty() && values->empty()) return condition;
    return client_bug("ValidationException", "ExpressionAttributeNames can only be specified when using expressions");
  }
  if ((*expression)->size() > kMaxExpressionBytes) {
    return client_bug("ValidationException", "Invalid ConditionExpression: Expression size has exceeded the maximum");
  }

  Placeholders placeholders{*names, *values};
  std::string rest = **expression;
  for (bool more = true; more;) {
    const std::size_t end = rest.find(" AND ");
    auto term = read_term(without_spaces(rest.substr(0, end)), placeholders);
    if (!term) return std::unexpected(term.error());
    condition.terms_.push_back(std::move(*term));
    more = end != std::string::npos;
    if (more) rest.erase(0, end + 5);
  }
  if (2 * condition.terms_.size() - 1 > kMaxOperators) {
    return client_bug("ValidationException", "Invalid ConditionExpression: The expression contains too many operators");
  }
  if (placeholders.used.size() != names->size() + values->size()) {
    return client_bug("ValidationException", "A name or value provided is unused in expressions");
  }
  return condition;
}

bool Condition::holds(const ItemPointer& item) const {
  if (terms_.empty()) return true;
  const auto parsed = item ? parse_object(item->text) : json::object{};
  const json::object attributes = parsed ? *parsed : json::object{};
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const auto found = attributes.find(term.attribute);
    if (term.kind == Term::Kind::kAbsent) return found == attributes.end();
    if (found == attributes.end()) return false;
    return term.kind == Term::Kind::kExists || canonical(found->value()) == term.value;
  });
}

}  // namespace dynamirror::support
