// SPDX-License-Identifier: Apache-2.0
#include "model/key_canonicalizer.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "model/base64.hpp"
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

/// Appends a value in the one spelling of its type.
void append_value(std::string& out, const KeyAttribute& attribute, std::string_view value) {
  if (attribute.type == "N") return append_canonical_number(out, value);
  if (attribute.type == "B") return append_canonical_base64(out, value);
  out += value;
}

/// Whether a value in plain characters is in its one spelling already.
bool is_canonical(const KeyAttribute& attribute, std::string_view value) {
  if (attribute.type == "S") return true;
  if (attribute.type == "N") return is_canonical_number(value);
  std::string canonical;
  append_canonical_base64(canonical, value);
  return canonical == value;
}

std::uint64_t eight_bytes(const char* bytes_begin) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, bytes_begin, sizeof bytes);
  return bytes;
}

/// Whether an image holds an attribute, `"id":{"S":"a"}`. For every record of a stream: the name's first and the
/// value's last byte are looked for at eight places at a time, which is several times quicker than memmem() here.
bool contains(std::string_view image, std::string_view attribute) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::size_t last = attribute.size() - 3;
  const std::uint64_t first_byte = kOnes * static_cast<unsigned char>(attribute[1]);
  const std::uint64_t last_byte = kOnes * static_cast<unsigned char>(attribute[last]);
  std::size_t offset = 0;
  for (; offset + attribute.size() + 8 <= image.size(); offset += 8) {
    const std::uint64_t difference =
        (eight_bytes(image.data() + offset + 1) ^ first_byte) | (eight_bytes(image.data() + offset + last) ^ last_byte);
    // A byte of it is zero where both fit; a higher one may be taken for zero, too, which the comparison finds out.
    std::uint64_t zeros = (difference - kOnes) & ~difference & (kOnes * 0x80);
    for (; zeros != 0; zeros &= zeros - 1) {
      const auto place = offset + static_cast<std::size_t>(std::countr_zero(zeros)) / 8;
      if (image.substr(place, attribute.size()) == attribute) return true;
    }
  }
  return image.substr(offset).find(attribute) != std::string_view::npos;
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
  const KeyAttribute& of_first = in_order ? schema_.hash : *schema_.range;
  const auto first = take_plain_string(rest);
  if (!first || !is_canonical(of_first, *first)) return std::nullopt;
  if (!schema_.range) return rest == kEnd ? std::optional(key_json) : std::nullopt;

  if (!take_prefix(rest, in_order ? range_.second : hash_.second)) return std::nullopt;
  const KeyAttribute& of_second = in_order ? *schema_.range : schema_.hash;
  const auto second = take_plain_string(rest);
  if (!second || rest != kEnd || !is_canonical(of_second, *second)) return std::nullopt;
  if (in_order) return key_json;
  canonical_.clear();
  canonical_.append(hash_.first).append(*second).append(range_.second).append(*first).append(kEnd);
  return canonical_;
}

Result<std::string_view> KeyCanonicalizer::by_reading(std::string_view json, OtherAttributes others) {
  const auto values = read_values(reader_, json, schema_, others == OtherAttributes::kSkipped);
  if (!values) return std::unexpected(values.error());
  const auto append = [this](const std::string& prefix, const KeyAttribute& attribute, const std::string& text) {
    std::string value;
    append_value(value, attribute, text);
    canonical_.append(prefix).pop_back();  // the quote that append_json_quoted writes itself
    append_json_quoted(canonical_, value);
    canonical_.pop_back();
  };
  canonical_.clear();
  append(hash_.first, schema_.hash, *(*values)[0]);
  if (schema_.range) append(range_.second, *schema_.range, *(*values)[1]);
  canonical_ += kEnd;
  return canonical_;
}

Status KeyCanonicalizer::check_item(std::string_view key, std::string_view item_json) {
  // Within the key's braces, `"id":{"S":"a"}` and `"time":{"N":"1"}`: no value holds what separates them unescaped.
  const std::size_t separator = schema_.range ? key.find(range_.second) + 2 : key.size() - 1;
  const std::string_view hash = key.substr(1, separator - 1);
  const std::string_view range = schema_.range ? key.substr(separator + 1, key.size() - separator - 2) : hash;
  if (contains(item_json, hash) && contains(item_json, range)) return {};
  const std::string wanted(key);
  const auto own = from_item(item_json);
  if (!own) return std::unexpected(own.error());
  if (*own == wanted) return {};
  return refuse("the item beside the key " + wanted + " has another one, " + std::string(*own));
}

Result<KeySchema> schema_of_key(std::string_view key_json) {
  std::vector<KeyAttribute> attributes;
  json::Reader reader;
  const Status read = reader.read_copy(key_json, [&](json::Value& root) {
    return root.for_each_member([&](std::string_view name, json::Value& typed) {
      return typed.for_each_member([&](std::string_view type, json::Value&) -> Status {
        if (type != "S" && type != "N" && type != "B") return refuse("no key has the type " + std::string(type));
        attributes.push_back({std::string(name), std::string(type)});
        return {};
      });
    });
  });
  if (!read) return std::unexpected(read.error());
  if (attributes.empty() || attributes.size() > 2) return refuse("a key has one attribute or two");
  KeySchema schema{.hash = std::move(attributes.front()), .range = std::nullopt};
  if (attributes.size() == 2) schema.range = std::move(attributes.back());
  return schema;
}

}  // namespace dynamirror::model
