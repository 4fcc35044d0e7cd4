// SPDX-License-Identifier: Apache-2.0
#include "model/item_difference.hpp"

#include <algorithm>
#include <map>

namespace dynamirror::model {
namespace {

using Attributes = std::map<std::string, ItemDigest, std::less<>>;

Result<Attributes> read_attributes(ItemDigester& digester, std::string_view item_json) {
  Attributes attributes;
  Status status = digester.for_each_attribute(item_json, [&](std::string_view name, const ItemDigest& value) {
    attributes.insert_or_assign(std::string(name), value);
  });
  if (!status) return std::unexpected(std::move(status.error()));
  return attributes;
}

}  // namespace

Result<std::vector<std::string>> item_difference(ItemDigester& digester, std::string_view left_json,
                                                 std::string_view right_json) {
  const auto left = read_attributes(digester, left_json);
  if (!left) return std::unexpected(left.error());
  const auto right = read_attributes(digester, right_json);
  if (!right) return std::unexpected(right.error());
  std::vector<std::string> names;
  for (const auto& [name, value] : *left) {
    const auto other = right->find(name);
    if (other == right->end() || other->second != value) names.push_back(name);
  }
  for (const auto& [name, value] : *right) {
    if (!left->contains(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace dynamirror::model
