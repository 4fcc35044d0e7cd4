// SPDX-License-Identifier: Apache-2.0
#include "model/key_canonicalizer.hpp"

#include <array>
#include <utility>

#include "base/text.hpp"
#include "model/number.hpp"

namespace dynamirror::model {
namespace {

constexpr std::string_view kDoing = "read key";
constexpr std::string_view kEnd = R"("}})";

std::unexpected<Error> refuse(std::string message) {
  return failure(ErrorClass::kInvalid, std::string(kDoing), {}, std::move(message));
}

/// `"id":{"S":"`
std::string prefix(const KeyAttribute& attribute) {
  return json_quoted(attribute.name) + ":{" + json_quoted(attribute.type) + ":\"";
}

bool take_prefix(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// The characters before the closing quote, if they stand for themselves.
std::optional<std::string_view> take_plain_string(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && text[size] != '"') {
    if (text[size] == '\\' || static_cast<unsigned char>(text[size]) < 0x20) return std::nullopt;
    ++size;
  }
  const std::string_view plain = text.substr(0, size);
  text.remove_prefix(size);
  return plain;
}

/// The unescaped values of a key while it is being read, in key-schema order.
using Values = std::array<std::optional<std::string>, 2>;

/// `{"S":"abc"}` as the value of one key attribute.
Status take_value(const KeyAttribute& attribute, std::optional<std::string>& out, json::Value& typed) {
  if (out) return refuse("key attribute " + attribute.name + " is given twice");
  Status status = typed.for_each_member([&](std::string_view type, json::Value& value) -> Status {
    if (type != attribute.type || out) {
      return refuse("key attribute " + attribute.name + " is not of type " + attribute.type);
    }
    const auto text = value.string();
    if (!text) return std::unexpected(text.error());
    out = *text;
    return {};
  });
  if (status && !out) return refuse("key attribute " + attribute.name + " has no value");
  return status;
}

Result<Values> read_values(json::Reader& reader, std::string_view json, const KeySchema& schema, bool skip_others) {
  Values values;
  auto status = reader.read_copy(json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& member) -> Status {
      if (name == schema.hash.name) return take_value(schema.hash, values[0], member);
      if (schema.range && name == schema.range->name) return take_value(*schema.range, values[1], member);
      if (skip_others) return {};
      return refuse("attribute " + std::string(name) + " does not belong to the key " + describe(schema));
    });
  });
  if (!status) {
    status.error().doing = kDoing;
    return std::unexpected(std::move(status.error()));
  }
  if (!values[0]) return refuse("key attribute " + schema.hash.name + " is missing");
  if (schema.range && !values[1]) return refuse("key attribute " + schema.range->name + " is missing");
  return values;
}

bool same_value(const KeyAttribute& attribute, const std::optional<std::string>& left,
                const std::optional<std::string>& right) {
  return left == right || (attribute.type == "N" && left && right && same_number(*left, *right));
}

}  // namespace

KeyCanonicalizer::KeyCanonicalizer(KeySchema schema) : schema_(std::move(schema)) {
  const auto prefixes = [](const KeyAttribute& attribute) {
    return Prefixes{"{" + prefix(attribute), "\"}," + prefix(attribute)};
  };
  hash_ = prefixes(schema_.hash);
  if (schema_.range) range_ = prefixes(*schema_.range);
}

Result<std::string_view> KeyCanonicalizer::from_key(std::string_view key_json) {
  if (const auto key = by_pattern(key_json)) return *key;
  return by_reading(key_json, OtherAttributes::kRefused);
}

Result<std::string_view> KeyCanonicalizer::from_item(std::string_view item_json) {
  return by_reading(item_json, OtherAttributes::kSkipped);
}

/// The text as services send it, without whitespace and escapes, in either order of the attributes.
std::optional<std::string_view> KeyCanonicalizer::by_pattern(std::string_view key_json) {
  std::string_view rest = key_json;
  const bool in_order = take_prefix(rest, hash_.first);
  if (!in_order && (!schema_.range || !take_prefix(rest, range_.first))) return std::nullopt;
  const auto first = take_plain_string(rest);
  if (!first) return std::nullopt;
  if (!schema_.range) return rest == kEnd ? std::optional(key_json) : std::nullopt;

  if (!take_prefix(rest, in_order ? range_.second : hash_.second)) return std::nullopt;
  const auto second = take_plain_string(rest);
  if (!second || rest != kEnd) return std::nullopt;
  if (in_order) return key_json;
  canonical_.clear();
  canonical_.append(hash_.first).append(*second).append(range_.second).append(*first).append(kEnd);
  return canonical_;
}

Result<std::string_view> KeyCanonicalizer::by_reading(std::string_view json, OtherAttributes others) {
  const auto values = read_values(reader_, json, schema_, others == OtherAttributes::kSkipped);
  if (!values) return std::unexpected(values.error());
  const auto append = [this](const std::string& prefix, const std::string& value) {
    canonical_.append(prefix).pop_back();  // the quote that append_json_quoted writes itself
    append_json_quoted(canonical_, value);
    canonical_.pop_back();
  };
  canonical_.clear();
  append(hash_.first, *(*values)[0]);
  if (schema_.range) append(range_.second, *(*values)[1]);
  canonical_ += kEnd;
  return canonical_;
}

bool same_key(std::string_view left, std::string_view right, const KeySchema& schema) {
  if (left == right) return true;
  json::Reader reader;
  const auto a = read_values(reader, left, schema, false);
  const auto b = read_values(reader, right, schema, false);
  if (!a || !b) return false;
  return same_value(schema.hash, (*a)[0], (*b)[0]) && (!schema.range || same_value(*schema.range, (*a)[1], (*b)[1]));
}

}  // namespace dynamirror::model
