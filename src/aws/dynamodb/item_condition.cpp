// SPDX-License-Identifier: Apache-2.0
#include "aws/dynamodb/item_condition.hpp"

#include <algorithm>
#include <map>

#include "json/reader.hpp"
#include "json/writer.hpp"
#include "model/item_difference.hpp"

namespace dynamirror::aws {
namespace {

/// Name -> the value's JSON text.
constexpr std::size_t kMaxExpressionBytes = 4096;

using Attributes = std::map<std::string, std::string, std::less<>>;

Result<Attributes> read_attributes(std::string_view item_json) {
  Attributes attributes;
  json::Reader reader;
  Status status = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      attributes.insert_or_assign(std::string(name), std::string(*raw));
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  return attributes;
}

/// Joins terms, and keeps the names and values they stand for. Placeholders are of our own making: a name of the
/// user's may be a reserved word or hold any character.
class Terms {
 public:
  void equal(std::string_view name, std::string_view value_json) {
    const std::string number = begin(name);
    condition_.expression += "#a" + number + " = :v" + number;
    values_.name(":v" + number).raw(value_json);
    has_values_ = true;
  }

  void absent(std::string_view name) {
    const std::string number = begin(name);
    condition_.expression += "attribute_not_exists(#a" + number + ")";
  }

  /// Whether one more term is within the service's limits.
  [[nodiscard]] bool has_room() const {
    constexpr std::size_t kLongestTerm = 40;  // " AND attribute_not_exists(#a149)"
    return count_ < kMaxConditionTerms && condition_.expression.size() + kLongestTerm <= kMaxExpressionBytes;
  }

  [[nodiscard]] ItemCondition end() {
    names_.end_object();
    values_.end_object();
    if (!has_values_) condition_.values_json.clear();
    return std::move(condition_);
  }

  Terms() {
    names_.begin_object();
    values_.begin_object();
  }

 private:
  std::string begin(std::string_view name) {
    if (count_ > 0) condition_.expression += " AND ";
    std::string number = std::to_string(count_++);
    names_.name("#a" + number).string(name);
    return number;
  }

  ItemCondition condition_;
  json::Writer names_{condition_.names_json};
  json::Writer values_{condition_.values_json};
  std::size_t count_ = 0;
  bool has_values_ = false;
};

}  // namespace

ItemCondition still_absent(const model::KeySchema& key) {
  Terms terms;
  terms.absent(key.hash.name);
  return terms.end();
}

Result<ItemCondition> still_as(std::string_view replica_json, std::string_view primary_json) {
  const auto replica = read_attributes(replica_json);
  if (!replica) return std::unexpected(replica.error());
  model::ItemDigester digester;
  const auto differing = model::item_difference(digester, replica_json, primary_json.empty() ? "{}" : primary_json);
  if (!differing) return std::unexpected(differing.error());

  Terms terms;
  for (const std::string& name : *differing) {
    if (!terms.has_room()) break;
    const auto attribute = replica->find(name);
    if (attribute == replica->end()) {
      terms.absent(name);
    } else {
      terms.equal(name, attribute->second);
    }
  }
  for (const auto& [name, value] : *replica) {
    if (!terms.has_room()) break;
    if (!std::binary_search(differing->begin(), differing->end(), name)) terms.equal(name, value);
  }
  return terms.end();
}

}  // namespace dynamirror::aws
