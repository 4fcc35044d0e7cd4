// SPDX-License-Identifier: Apache-2.0
#include "support/update.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <cstdint>
#include <set>
#include <sstream>

namespace dynamirror::support {

namespace json = boost::json;

namespace {

std::unexpected<ServiceError> invalid_update(const std::string& message) {
  return client_bug("ValidationException", "Invalid UpdateExpression: " + message);
}

std::vector<std::string> words_in(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// "SET", "REMOVE" or "ADD" -> its first letter; 0 for other words.
char clause_of(const std::string& word) { return word == "SET" || word == "REMOVE" || word == "ADD" ? word[0] : '\0'; }

/// The whole number in {"N":"…"}.
Expected<std::int64_t> number_in(const json::value& value) {
  const json::object* object = value.if_object();
  const json::value* number = object != nullptr && object->size() == 1 ? object->if_contains("N") : nullptr;
  if (number == nullptr || !number->is_string()) return invalid_update("Incorrect operand type for operator ADD");
  std::int64_t whole = 0;
  const auto& text = number->get_string();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || end != text.data() + text.size()) return invalid_update("stand-in: ADD of a fraction");
  return whole;
}

Expected<json::value> add(const json::value& before, const json::value& value) {
  const json::object* given = value.if_object();
  if (given != nullptr && given->contains("SS") && before.is_object() && before.get_object().contains("SS")) {
    json::array all = before.get_object().at("SS").as_array();
    for (const json::value& each : given->at("SS").as_array()) {
      if (std::find(all.begin(), all.end(), each) == all.end()) all.push_back(each);
    }
    return json::object{{"SS", std::move(all)}};
  }
  const auto left = number_in(before);
  const auto right = number_in(value);
  if (!left || !right) return std::unexpected(left ? right.error() : left.error());
  return json::object{{"N", std::to_string(*left + *right)}};
}

}  // namespace

Expected<Update::Term> Update::read_term(char clause, const std::string& text, Placeholders& placeholders) {
  const auto words = words_in(text);
  const std::size_t wanted = clause == 'S' ? 3 : clause == 'R' ? 1 : 2;
  if (words.size() != wanted || (clause == 'S' && words[1] != "=")) return malformed_expression(text);
  auto attribute = placeholders.attribute(words[0]);
  if (!attribute) return std::unexpected(attribute.error());
  Term term{clause, std::move(*attribute)};
  if (clause == 'R') return term;
  const auto value = placeholders.value(words.back());
  if (!value) return std::unexpected(value.error());
  term.value = **value;
  if (clause == 'A' && !number_in(term.value) && !term.value.as_object().contains("SS")) {
    return invalid_update("Incorrect operand type for operator or function; operator: ADD");
  }
  return term;
}

Expected<Update> Update::read(const std::string& expression, Placeholders& placeholders, const model::KeySchema& key) {
  Update update;
  std::set<char> clauses;
  std::set<std::string> attributes;
  char clause = '\0';
  std::string term_text;
  const auto end_term = [&]() -> Expected<void> {
    auto term = read_term(clause, term_text, placeholders);
    if (!term) return std::unexpected(term.error());
    if (!attributes.insert(term->attribute).second) {
      return invalid_update("Two document paths overlap with each other; path: " + term->attribute);
    }
    if (term->attribute == key.hash.name || (key.range && term->attribute == key.range->name)) {
      return invalid_update("Cannot update attribute " + term->attribute + ". This attribute is part of the key");
    }
    update.terms_.push_back(std::move(*term));
    term_text.clear();
    return {};
  };

  for (const std::string& word : words_in(expression)) {
    if (const char next = clause_of(word); next != '\0') {
      if (clause != '\0') {
        if (auto ended = end_term(); !ended) return std::unexpected(ended.error());
      }
      if (!clauses.insert(next).second) return invalid_update("The \"" + word + "\" section can only be used once");
      clause = next;
      continue;
    }
    if (clause == '\0') return malformed_expression(word);
    const bool last = word.ends_with(',');
    term_text += " " + word.substr(0, word.size() - (last ? 1 : 0));
    if (!last) continue;
    if (auto ended = end_term(); !ended) return std::unexpected(ended.error());
  }
  if (clause == '\0') return invalid_update("The expression can not be empty;");
  if (auto ended = end_term(); !ended) return std::unexpected(ended.error());
  return update;
}

Expected<json::object> Update::apply(json::object item) const {
  for (const Term& term : terms_) {
    const auto found = item.find(term.attribute);
    if (term.clause == 'R') {
      if (found != item.end()) item.erase(found);
    } else if (term.clause == 'S' || found == item.end()) {
      item[term.attribute] = term.value;
    } else {
      auto sum = add(found->value(), term.value);
      if (!sum) return std::unexpected(sum.error());
      found->value() = std::move(*sum);
    }
  }
  return item;
}

}  // namespace dynamirror::support
