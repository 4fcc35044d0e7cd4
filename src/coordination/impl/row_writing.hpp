// SPDX-License-Identifier: Apache-2.0
// Private to lease_row.cpp and node_lease_row.cpp: how rows and conditional writes are spelled.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordination/lease_row.hpp"
#include "coordination/lease_rules.hpp"
#include "json/writer.hpp"

namespace dynamirror::coordination::impl {

inline std::string string_value(std::string_view text) {
  std::string value;
  json::Writer(value).begin_object().name("S").string(text).end_object();
  return value;
}

inline std::string number_value(std::string_view digits) { return R"({"N":")" + std::string(digits) + R"("})"; }
inline std::string number_value(std::uint64_t number) { return number_value(std::to_string(number)); }

inline std::string set_value(const std::vector<std::string>& strings) {
  std::string value;
  json::Writer json(value);
  json.begin_object().name("SS").begin_array();
  for (const std::string& each : as_set(strings)) json.string(each);
  json.end_array().end_object();
  return value;
}

/// Collects the clauses of the expressions, and the names and values they use. Every attribute goes by a #name, so
/// that none of them can be a reserved word of the service.
class Expressions {
 public:
  void require_equal(std::string_view attribute, std::string_view mark, std::string value) {
    require(path(attribute) + " = " + placeholder(mark, std::move(value)));
  }
  void require_unequal(std::string_view attribute, std::string_view mark, std::string value) {
    require(path(attribute) + " <> " + placeholder(mark, std::move(value)));
  }
  void require_absent(std::string_view attribute) { require("attribute_not_exists(" + path(attribute) + ")"); }
  void require_present(std::string_view attribute) { require("attribute_exists(" + path(attribute) + ")"); }

  void set(std::string_view attribute, std::string_view mark, std::string value) {
    append(sets_, ", ", path(attribute) + " = " + placeholder(mark, std::move(value)));
  }
  void add(std::string_view attribute, std::string_view mark, std::string value) {
    append(adds_, ", ", path(attribute) + " " + placeholder(mark, std::move(value)));
  }
  void remove(std::string_view attribute) { append(removes_, ", ", path(attribute)); }

  void write_to(LeaseRequest& request) const {
    for (const auto& [clause, terms] : {std::pair{"SET ", &sets_}, {"REMOVE ", &removes_}, {"ADD ", &adds_}}) {
      if (!terms->empty()) append(request.update_expression, " ", clause + *terms);
    }
    request.condition_expression = condition_;
    if (!names_.empty()) request.names_json = object_of(names_);
    if (!values_.empty()) request.values_json = object_of(values_);
  }

 private:
  using Members = std::map<std::string, std::string, std::less<>>;  // name -> JSON text

  static void append(std::string& list, std::string_view separator, const std::string& term) {
    if (!list.empty()) list += separator;
    list += term;
  }
  static std::string object_of(const Members& members) {
    std::string text;
    json::Writer json(text);
    json.begin_object();
    for (const auto& [name, value] : members) json.name(name).raw(value);
    json.end_object();
    return text;
  }

  void require(const std::string& term) { append(condition_, " AND ", term); }
  std::string path(std::string_view attribute) {
    std::string name = "#" + std::string(attribute);
    names_[name] = '"' + std::string(attribute) + '"';
    return name;
  }
  std::string placeholder(std::string_view mark, std::string value) {
    std::string name(mark);
    values_[name] = std::move(value);
    return name;
  }

  std::string sets_;
  std::string removes_;
  std::string adds_;
  std::string condition_;
  Members names_;
  Members values_;
};

}  // namespace dynamirror::coordination::impl
