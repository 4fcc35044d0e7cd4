// SPDX-License-Identifier: Apache-2.0
#include "support/condition.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <optional>

#include "support/service_members.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxExpressionBytes = 4096;
constexpr std::size_t kMaxOperators = 300;

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
    const auto mark = text.find(':');
    const auto sign = text.find_first_of("=<");
    if (mark == std::string::npos || sign > mark) return malformed_expression(text);
    const std::string comparison = text.substr(sign, mark - sign);
    if (comparison != "=" && comparison != "<>") return malformed_expression(text);
    if (comparison == "<>") term.kind = Term::Kind::kDiffers;
    path = text.substr(0, sign);
    const auto value = placeholders.value(text.substr(mark));
    if (!value) return std::unexpected(value.error());
    auto wanted = canonical(**value);
    if (!wanted) return std::unexpected(wanted.error());
    term.value = std::move(*wanted);
  }
  auto attribute = placeholders.attribute(path);
  if (!attribute) return std::unexpected(attribute.error());
  term.attribute = std::move(*attribute);
  return term;
}

Expected<Condition> Condition::read(const json::object& body) {
  auto placeholders = Placeholders::read(body);
  if (!placeholders) return std::unexpected(placeholders.error());
  auto condition = read(body, *placeholders);
  if (!condition) return condition;
  if (auto used = placeholders->check_all_used(); !used) return std::unexpected(used.error());
  return condition;
}

Expected<Condition> Condition::read(const json::object& body, Placeholders& placeholders) {
  Condition condition;
  const auto expression = optional_string(body, "ConditionExpression");
  if (!expression) return std::unexpected(expression.error());
  if (!*expression) return condition;
  if ((*expression)->size() > kMaxExpressionBytes) {
    return client_bug("ValidationException", "Invalid ConditionExpression: Expression size has exceeded the maximum");
  }

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
  return condition;
}

bool Condition::holds(const ItemPointer& item) const {
  if (terms_.empty()) return true;
  const auto parsed = item ? parse_object(item->text) : json::object{};
  const json::object attributes = parsed ? *parsed : json::object{};
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const auto found = attributes.find(term.attribute);
    if (term.kind == Term::Kind::kAbsent) return found == attributes.end();
    // What is not there differs from every value.
    if (found == attributes.end()) return term.kind == Term::Kind::kDiffers;
    if (term.kind == Term::Kind::kExists) return true;
    return (canonical(found->value()) == term.value) == (term.kind == Term::Kind::kEquals);
  });
}

}  // namespace dynamirror::support
