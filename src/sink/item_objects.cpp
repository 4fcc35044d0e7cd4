// SPDX-License-Identifier: Apache-2.0
#include "sink/item_objects.hpp"

#include "aws/content_hash.hpp"
#include "base/text.hpp"

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
