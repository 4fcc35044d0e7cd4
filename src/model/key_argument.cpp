// SPDX-License-Identifier: Apache-2.0
#include "model/key_argument.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "model/key_canonicalizer.hpp"

namespace dynamirror::model {
namespace {

constexpr std::string_view kDoing = "read the key argument";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kInvalid, std::string(kDoing), {}, std::move(message));
}

const KeyAttribute* find(const KeySchema& schema, std::string_view name) {
  if (name == schema.hash.name) return &schema.hash;
  return schema.range && name == schema.range->name ? &*schema.range : nullptr;
}

/// `{"id":{"S":"abc"}}`: how this attribute could be given.
std::string example(const KeyAttribute& attribute) {
  const std::string_view value = attribute.type == "N" ? "5" : attribute.type == "B" ? "AQID" : "abc";
  const std::string text = json_quoted(value);
  const std::string plain = attribute.type == "N" ? std::string(value) : text;
  const std::string name = json_quoted(attribute.name);
  return "write {" + name + ":" + plain + "} or {" + name + ":{" + json_quoted(attribute.type) + ":" + text + "}}";
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

/// One attribute's value in wire form. `raw` is the JSON text of the value as typed.
Result<std::string> wire_value(const KeyAttribute& attribute, std::string_view raw) {
  const char first = raw.front();
  if (first == '{') return std::string(raw);
  const bool text = first == '"';
  const bool number = first == '-' || (first >= '0' && first <= '9');
  if (text && attribute.type != "N") return "{" + json_quoted(attribute.type) + ":" + std::string(raw) + "}";
  if (number && attribute.type == "N") return R"({"N":")" + std::string(raw) + "\"}";
  return refuse(attribute.name + " is of type " + attribute.type + ": " + example(attribute));
}

/// The key with all its values in wire form, not yet canonical.
Result<std::string> to_wire(std::string_view json, const KeySchema& schema) {
  std::string wire;
  json::Writer writer(wire);
  writer.begin_object();
  json::Reader reader;
  Status status = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      const KeyAttribute* attribute = find(schema, name);
      if (attribute == nullptr) {
        return refuse("attribute " + std::string(name) + " does not belong to the key " + describe(schema));
      }
      const auto raw = member.raw();
      if (!raw) return std::unexpected(raw.error());
      const auto value = wire_value(*attribute, *raw);
      if (!value) return std::unexpected(value.error());
      writer.name(name).raw(*value);
      return {};
    });
  });
  if (!status) {
    if (status.error().doing != kDoing) return refuse("it is not a JSON object: " + example(schema.hash));
    return std::unexpected(std::move(status.error()));
  }
  writer.end_object();
  return wire;
}

/// Binary key values must be base64: the service would say so in words that name no attribute.
Status check_binaries(std::string_view key_json, const KeySchema& schema) {
  json::Reader reader;
  return reader.read_copy(key_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) {
      const KeyAttribute* attribute = find(schema, name);
      return member.for_each_member([&](std::string_view type, json::Value& content) -> Status {
        if (type != "B") return {};
        const auto text = content.string();
        if (!text) return std::unexpected(text.error());
        if (is_base64(*text)) return {};
        return refuse(attribute->name + " is binary and given as base64, which this is not: " + std::string(*text));
      });
    });
  });
}

}  // namespace

Result<std::string> parse_key_argument(std::string_view json, const KeySchema& schema) {
  const auto wire = to_wire(json, schema);
  if (!wire) return std::unexpected(wire.error());
  if (auto fine = check_binaries(*wire, schema); !fine) return std::unexpected(std::move(fine.error()));
  KeyCanonicalizer canonicalizer(schema);
  const auto key = canonicalizer.from_key(*wire);
  if (!key) {
    Error error = key.error();
    error.doing = kDoing;
    return std::unexpected(std::move(error));
  }
  return std::string(*key);
}

Result<KeySchema> schema_of_wire_key(std::string_view json) {
  std::vector<KeyAttribute> attributes;
  json::Reader reader;
  const Status read = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) {
      return member.for_each_member([&](std::string_view type, json::Value& /*content*/) -> Status {
        attributes.push_back({std::string(name), std::string(type)});
        return {};
      });
    });
  });
  const bool all_types = std::all_of(attributes.begin(), attributes.end(), [](const KeyAttribute& attribute) {
    return attribute.type == "S" || attribute.type == "N" || attribute.type == "B";
  });
  if (!read || attributes.empty() || attributes.size() > 2 || !all_types) {
    return refuse(
        "the table is not there, and nothing else tells the types of its key: write it in wire form, as "
        R"({"id":{"S":"abc"}})");
  }
  KeySchema schema{.hash = std::move(attributes.front()), .range = std::nullopt};
  if (attributes.size() == 2) schema.range = std::move(attributes.back());
  return schema;
}

}  // namespace dynamirror::model
