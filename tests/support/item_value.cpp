// SPDX-License-Identifier: Apache-2.0
#include "support/item_value.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "base/text.hpp"
#include "support/digest.hpp"

namespace dynamirror::support {

namespace json = boost::json;

namespace {

constexpr int kMaxNesting = 32;
constexpr std::size_t kMaxHashKeyBytes = 2048;
constexpr std::size_t kMaxRangeKeyBytes = 1024;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// Number size: about one byte for two significant digits, and one more (two when negative).
std::size_t number_bytes(std::string_view text) {
  const auto digits = std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return static_cast<std::size_t>(digits + 1) / 2 + 1 + (text.starts_with('-') ? 1 : 0);
}

/// Writes canonical text and adds up sizes while it walks the attribute values.
class ItemReader {
 public:
  Expected<void> attributes(const json::object& map, int depth) {
    std::vector<const json::key_value_pair*> members;
    for (const auto& member : map) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
    item.text += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::string_view name(members[i]->key().data(), members[i]->key().size());
      if (i > 0) item.text += ',';
      append_json_quoted(item.text, name);
      item.text += ':';
      item.size_bytes += name.size();
      if (auto done = value(members[i]->value(), depth); !done) return done;
    }
    item.text += '}';
    return {};
  }

  StoredItem item;

 private:
  Expected<void> value(const json::value& wire, int depth) {
    const json::object* object = wire.if_object();
    if (object == nullptr) return unreadable("Unexpected value type in payload");
    if (object->size() != 1) {
      return invalid(object->empty()
                         ? "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
                         : "Supplied AttributeValue has more than one datatypes set, must contain exactly one "
                           "of the supported datatypes");
    }
    if (depth > kMaxNesting)
      return invalid(
          "Nesting Levels have exceeded supported limits: Attributes have nesting levels "
          "greater than 32");
    const std::string type(object->begin()->key().data(), object->begin()->key().size());
    item.text.append("{\"").append(type).append("\":");
    if (auto done = typed(type, object->begin()->value(), depth); !done) return done;
    item.text += '}';
    return {};
  }

  Expected<void> typed(std::string_view type, const json::value& content, int depth) {
    if (type == "S" || type == "N" || type == "B") return scalar(type, content);
    if (type == "SS" || type == "NS" || type == "BS") return set(type.substr(0, 1), content);
    if (type == "BOOL") return boolean(content);
    if (type == "NULL") return null(content);
    if (type == "L") return list(content, depth);
    if (type == "M") {
      const json::object* map = content.if_object();
      if (map == nullptr) return unreadable("Unexpected value type in payload: M is not an object");
      item.size_bytes += 3 + map->size();
      return attributes(*map, depth + 1);
    }
    return unreadable("Unexpected field at " + std::string(type));
  }

  /// The value's canonical content without quotes.
  Expected<std::string> scalar_text(std::string_view type, const json::value& content) {
    const json::string* text = content.if_string();
    if (text == nullptr)
      return unreadable("class java.lang." + std::string(type) + " can not be converted to a String");
    if (type == "N") {
      auto number = normalise_number(view(*text));
      if (number) item.size_bytes += number_bytes(*number);
      return number;
    }
    if (type == "B") {
      const auto bytes = base64_decode(view(*text));
      if (!bytes) return unreadable("Invalid base64 in a binary value");
      item.size_bytes += bytes->size();
      return std::string(view(*text));
    }
    item.size_bytes += text->size();
    return std::string(view(*text));
  }

  Expected<void> scalar(std::string_view type, const json::value& content) {
    const auto text = scalar_text(type, content);
    if (!text) return std::unexpected(text.error());
    append_json_quoted(item.text, *text);
    return {};
  }

  Expected<void> set(std::string_view type, const json::value& content) {
    const json::array* array = content.if_array();
    if (array == nullptr) return unreadable("Unexpected value type in payload: a set is not an array");
    if (array->empty()) {
      return invalid("One or more parameter values were invalid: An " +
                     std::string(type == "S"   ? "string"
                                 : type == "N" ? "number"
                                               : "binary") +
                     " set  may not be empty");
    }
    std::vector<std::string> members;
    for (const json::value& member : *array) {
      auto text = scalar_text(type, member);
      if (!text) return std::unexpected(text.error());
      members.push_back(std::move(*text));
    }
    std::sort(members.begin(), members.end());
    if (std::adjacent_find(members.begin(), members.end()) != members.end()) {
      return invalid("One or more parameter values were invalid: Input collection contains duplicates.");
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
      item.text += i == 0 ? '[' : ',';
      append_json_quoted(item.text, members[i]);
    }
    item.text += ']';
    return {};
  }

  Expected<void> boolean(const json::value& content) {
    if (!content.is_bool()) return unreadable("Unexpected value type in payload: BOOL is not a boolean");
    item.text += content.get_bool() ? "true" : "false";
    item.size_bytes += 1;
    return {};
  }

  Expected<void> null(const json::value& content) {
    if (!content.is_bool()) return unreadable("Unexpected value type in payload: NULL is not a boolean");
    if (!content.get_bool()) {
      return invalid(
          "One or more parameter values were invalid: Null attribute value types must have the value of true");
    }
    item.text += "true";
    item.size_bytes += 1;
    return {};
  }

  Expected<void> list(const json::value& content, int depth) {
    const json::array* array = content.if_array();
    if (array == nullptr) return unreadable("Unexpected value type in payload: L is not an array");
    item.size_bytes += 3 + array->size();
    item.text += '[';
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) item.text += ',';
      if (auto done = value((*array)[i], depth + 1); !done) return done;
    }
    item.text += ']';
    return {};
  }
};

/// Reads a single key attribute, as canonical text `"name":{"T":"…"}`.
Expected<std::string> key_attribute(const json::object& item, const model::KeyAttribute& attribute, std::size_t limit) {
  const json::value* wire = item.if_contains(attribute.name);
  if (wire == nullptr) {
    return invalid("One or more parameter values were invalid: Missing the key " + attribute.name + " in the item");
  }
  const json::object single{{attribute.name, *wire}};
  auto read = read_attributes(single);
  if (!read) return std::unexpected(read.error());
  const auto& object = wire->get_object();
  const std::string type(object.begin()->key().data(), object.begin()->key().size());
  if (type != attribute.type) {
    return invalid("One or more parameter values were invalid: Type mismatch for key " + attribute.name +
                   " expected: " + attribute.type + " actual: " + type);
  }
  const std::size_t size_bytes = read->size_bytes - attribute.name.size();
  if (size_bytes == 0) {
    return invalid(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
        "empty " +
        std::string(type == "B" ? "binary" : "string") + " value. Key: " + attribute.name);
  }
  if (size_bytes > limit) {
    return invalid("One or more parameter values were invalid: Size of " +
                   std::string(limit == kMaxHashKeyBytes ? "hashkey" : "rangekey") +
                   " has exceeded the maximum size limit of " + std::to_string(limit) + " bytes");
  }
  return read->text.substr(1, read->text.size() - 2);
}

}  // namespace

Expected<StoredItem> read_attributes(const json::object& attributes) {
  ItemReader reader;
  if (auto done = reader.attributes(attributes, 1); !done) return std::unexpected(done.error());
  return std::move(reader.item);
}

Expected<std::string> key_of_item(const json::object& item, const model::KeySchema& schema) {
  auto hash = key_attribute(item, schema.hash, kMaxHashKeyBytes);
  if (!hash) return hash;
  if (!schema.range) return "{" + *hash + "}";
  auto range = key_attribute(item, *schema.range, kMaxRangeKeyBytes);
  if (!range) return range;
  return "{" + *hash + "," + *range + "}";
}

Expected<std::string> key_of_key(const json::object& key, const model::KeySchema& schema) {
  const std::size_t expected = schema.range ? 2 : 1;
  const bool present = key.contains(schema.hash.name) && (!schema.range || key.contains(schema.range->name));
  if (key.size() != expected || !present) return invalid("The provided key element does not match the schema");
  auto text = key_of_item(key, schema);
  // For a key alone the real service names the schema, not the attribute.
  if (!text && text.error().message.find("Type mismatch") != std::string::npos) {
    return invalid("The provided key element does not match the schema");
  }
  return text;
}

Expected<json::object> parse_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = 128;  // 32 levels of attribute values are 64 of JSON
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error || !value.is_object()) return unreadable("Start of structure or map found where not expected.");
  return std::move(value.get_object());
}

}  // namespace dynamirror::support
