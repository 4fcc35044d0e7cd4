// SPDX-License-Identifier: Apache-2.0
#include "sink/impl/guarded_item.hpp"

#include "json/reader.hpp"
#include "json/writer.hpp"

namespace dynamirror::sink {
namespace {

/// Rare and not quick: an item that is a replica's itself.
template <class Visit>
void for_each_attribute(std::string_view item_json, Visit&& visit) {
  json::Reader reader;
  const Status read = reader.read_copy(item_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto text = member.raw();
      if (!text) return std::unexpected(text.error());
      visit(name, *text);
      return {};
    });
  });
  (void)read;  // what is no item is the service's to refuse
}

std::string guard_names() { return R"({"#g":")" + std::string(kGuardName) + "\"}"; }

}  // namespace

std::string without_guard(std::string_view item_json) {
  if (!item_json.contains(kGuardName)) return std::string(item_json);
  std::string text;
  json::Writer json(text);
  json.begin_object();
  for_each_attribute(item_json, [&](std::string_view name, std::string_view value) {
    if (name != kGuardName) json.name(name).raw(value);
  });
  json.end_object();
  return text;
}

std::string with_guard(std::string_view item_json, const Seen& seen) {
  std::string own;
  if (item_json.contains(kGuardName)) {
    own = without_guard(item_json);
    item_json = own;
  }
  std::string text;
  text.reserve(item_json.size() + 128);
  text.append("{\"").append(kGuardName).append("\":").append(to_json(seen)).append(",");
  text.append(item_json.substr(item_json.find('{') + 1));
  return text;
}

std::optional<std::string> guard_of(std::string_view item_json) {
  std::optional<std::string> guard;
  if (!item_json.contains(kGuardName)) return guard;
  for_each_attribute(item_json, [&](std::string_view name, std::string_view value) {
    if (name == kGuardName) guard.emplace(value);
  });
  return guard;
}

aws::ItemCondition older_than(std::int64_t created) {
  return {.expression = "#g[1] < :t",
          .names_json = guard_names(),
          .values_json = R"({":t":{"N":")" + std::to_string(created) + "\"}}"};
}

aws::ItemCondition still_guarded_as(const std::optional<std::string>& item_json, const model::KeySchema& key) {
  const std::string names = "{\"#k\":" + json_quoted(key.hash.name);
  if (!item_json) return {.expression = "attribute_not_exists(#k)", .names_json = names + "}", .values_json = {}};
  const auto guard = guard_of(*item_json);
  if (guard) return {.expression = "#g = :g", .names_json = guard_names(), .values_json = "{\":g\":" + *guard + "}"};
  return {.expression = "attribute_exists(#k) AND attribute_not_exists(#g)",
          .names_json = names + R"(,"#g":")" + std::string(kGuardName) + "\"}",
          .values_json = {}};
}

}  // namespace dynamirror::sink
