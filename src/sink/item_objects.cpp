// SPDX-License-Identifier: Apache-2.0
#include "sink/item_objects.hpp"

#include <vector>

#include "aws/content_hash.hpp"
#include "base/text.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::sink {
namespace {

/// Our canonical keys write two control characters as \u00xx for which JavaScript has short forms.
std::string as_javascript_writes(std::string_view canonical) {
  std::string text;
  text.reserve(canonical.size());
  for (std::size_t i = 0; i < canonical.size(); ++i) {
    if (canonical[i] != '\\' || i + 1 == canonical.size()) {
      text += canonical[i];
      continue;
    }
    const std::string_view escape = canonical.substr(i, 6);
    if (escape == "\\u0008" || escape == "\\u000c") {
      text += escape == "\\u0008" ? "\\b" : "\\f";
      i += 5;
    } else {
      text.append(canonical.substr(i, 2));
      ++i;
    }
  }
  return text;
}

struct AttributeText {
  model::KeyAttribute attribute;
  std::string text;  ///< `"name":{"S":"value"}`
};

/// Those attributes of an item that a key may hold, the first 100: they are tried in pairs.
std::vector<AttributeText> key_attributes(std::string_view item) {
  constexpr std::size_t kMaxAttributes = 100;
  constexpr std::size_t kMaxValueBytes = 16'384;  // a key attribute has at most 2 KB, and JSON may escape each byte
  constexpr std::string_view kTypes = "SNB";
  std::vector<AttributeText> attributes;
  json::Reader reader;
  // Not an item, or only part of one: what was found until there does no harm.
  (void)reader.read_copy(item, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      const std::string value = without_whitespace(*raw).value_or(std::string(*raw));
      const bool fits = value.size() > 4 && value.size() <= kMaxValueBytes && value.starts_with("{\"") &&
                        value[3] == '"' && kTypes.contains(value[2]);
      if (!fits || attributes.size() == kMaxAttributes) return {};
      attributes.push_back({{std::string(name), value.substr(2, 1)}, json_quoted(name) + ":" + value});
      return {};
    });
  });
  return attributes;
}

/// Whether an item of that key has its object under that name.
bool is_named(std::string_view id, const model::KeySchema& schema, std::string_view key_json) {
  model::KeyCanonicalizer keys(schema);
  const auto key = keys.from_key(key_json);
  if (!key) return false;
  const auto object = ItemObjects({}, schema).of(*key);
  // Names of a table without a name: "/<id>".
  const auto matches = [&](const std::string& name) { return std::string_view(name).substr(1) == id; };
  return object && (matches(object->name) || (object->old_name && matches(*object->old_name)));
}

bool is_whitespace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

Result<ItemObject> ItemObjects::of(std::string_view canonical_key) {
  std::string hash;
  std::string range;
  auto status = reader_.read_copy(canonical_key, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const bool is_hash = name == key_.hash.name;
      if (!is_hash && !(key_.range && name == key_.range->name)) {
        return failure(ErrorClass::kInvalid, "name object", {}, "the key has an attribute more: " + std::string(name));
      }
      const auto value = member.raw();
      if (!value) return std::unexpected(value.error());
      (is_hash ? hash : range) = json_quoted(name) + ":" + as_javascript_writes(*value);
      return {};
    });
  });
  if (!status) return std::unexpected(std::move(status.error()));
  if (hash.empty() || (key_.range && range.empty())) {
    return failure(ErrorClass::kInvalid, "name object", {}, "the key lacks an attribute of " + describe(key_));
  }
  if (!key_.range) return ItemObject{prefix() + aws::sha256_hex("{" + hash + "}"), std::nullopt};
  const bool sorted = key_.hash.name < key_.range->name;
  const std::string first = "{" + (sorted ? hash : range) + "," + (sorted ? range : hash) + "}";
  const std::string other = "{" + (sorted ? range : hash) + "," + (sorted ? hash : range) + "}";
  return ItemObject{prefix() + aws::sha256_hex(first), prefix() + aws::sha256_hex(other)};
}

std::optional<model::KeySchema> find_key(std::string_view id, std::string_view item) {
  const auto attributes = key_attributes(item);
  for (const AttributeText& attribute : attributes) {
    model::KeySchema schema{.hash = attribute.attribute, .range = std::nullopt};
    if (is_named(id, schema, "{" + attribute.text + "}")) return schema;
  }
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    for (std::size_t j = i + 1; j < attributes.size(); ++j) {
      model::KeySchema schema{.hash = attributes[i].attribute, .range = attributes[j].attribute};
      if (is_named(id, schema, "{" + attributes[i].text + "," + attributes[j].text + "}")) return schema;
    }
  }
  return std::nullopt;
}

std::optional<std::string> without_whitespace(std::string_view json) {
  std::optional<std::string> compact;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string && is_whitespace(c)) {
      if (!compact) compact.emplace(json.substr(0, i));
      continue;
    }
    if (compact) *compact += c;
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string && c == '\\' && i + 1 < json.size()) {
      ++i;
      if (compact) *compact += json[i];
    }
  }
  return compact;
}

}  // namespace dynamirror::sink
